"""Replay of a range of records: selection, progress, and rate."""
