"""The pipeline `study`."""
