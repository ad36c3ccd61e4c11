"""Checks before anything runs: what a run of a study on a cluster needs, and what is missing."""
