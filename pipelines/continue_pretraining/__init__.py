"""The pipeline `continue_pretraining`."""
