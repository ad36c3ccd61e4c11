"""What holds a pipeline together."""
