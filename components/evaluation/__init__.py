"""Comparison and report."""
