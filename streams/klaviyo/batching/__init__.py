"""Batching: items with verdicts, requests of many items, duplicates."""
