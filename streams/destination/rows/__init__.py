"""Rows of tables: the mappings that they start, and what those may do."""
