"""TODO account."""
