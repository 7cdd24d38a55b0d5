"""Inspection of a topic's records: names, types and a source, never a value."""
