"""TODO definitions."""
