"""TODO support."""
