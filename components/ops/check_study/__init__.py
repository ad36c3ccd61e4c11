"""The component `check_study`."""
