"""The pipeline `evaluate_models`."""
