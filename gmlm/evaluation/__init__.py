"""Evaluation: scores of stored predictions, and whether models differ by more than chance."""
