"""TODO payloads."""
