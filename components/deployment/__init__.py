"""Components that bring models out of the store."""
