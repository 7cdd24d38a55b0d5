"""Rows of tables: the mappings that rows start, and the actions that rows may call."""
