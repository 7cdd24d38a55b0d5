"""Data of a Klaviyo account in memory, and the rules for changing the data."""
