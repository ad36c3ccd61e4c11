"""The component `merge_translation`."""
