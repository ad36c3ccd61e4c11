"""German medical language models: from raw corpora to a scored German clinical encoder."""

__version__ = "0.1.0"
