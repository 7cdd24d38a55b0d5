"""TODO batching."""
