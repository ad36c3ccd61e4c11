"""A study as a graph of stages: what it consists of, what is done, and how it runs on one machine."""
