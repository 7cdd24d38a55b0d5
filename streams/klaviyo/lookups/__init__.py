"""TODO lookups."""
