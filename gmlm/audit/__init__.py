"""The privacy audit: what a model remembers of its training text."""
