"""The way to Redis: where it is, one pipelined connection that all requests share, and whether it can be used now."""
