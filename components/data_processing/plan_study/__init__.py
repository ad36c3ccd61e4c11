"""The component `plan_study`."""
