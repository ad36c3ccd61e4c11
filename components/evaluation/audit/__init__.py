"""The component `audit`."""
