"""The pipeline `translate_corpus`."""
