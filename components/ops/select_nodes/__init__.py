"""The component `select_nodes`."""
