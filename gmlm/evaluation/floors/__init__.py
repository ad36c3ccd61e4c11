"""Floors: simple methods by well-kept libraries that an encoder must beat to be worth its cost."""
