"""TODO jsonapi."""
