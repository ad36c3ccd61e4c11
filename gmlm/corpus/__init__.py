"""From raw files to tokenised corpora: reading, filtering, tokenizers, token shards."""
