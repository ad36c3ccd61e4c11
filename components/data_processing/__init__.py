"""From raw input to token shards."""
