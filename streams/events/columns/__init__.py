"""Columns of rows: the encodings of tools as JSON that Klaviyo understands."""
