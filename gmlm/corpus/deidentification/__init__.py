"""Finds what identifies people in German clinical text, and puts surrogates in its place."""
