"""Batching: items and their verdicts, requests of many items, duplicates."""
