"""The component `notify_exit`."""
