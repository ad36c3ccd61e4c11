"""The component `translate_shard`."""
