"""The component `build_corpus`."""
