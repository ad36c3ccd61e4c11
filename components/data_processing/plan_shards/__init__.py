"""The component `plan_shards`."""
