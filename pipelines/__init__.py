"""Pipelines over the components; each is built from a profile, and runs any study."""
