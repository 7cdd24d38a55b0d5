"""The user's file: what goes to Klaviyo, compiled once, every mistake at once."""
