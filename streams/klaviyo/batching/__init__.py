"""Batching: profile items, requests of many items, bisecting, duplicates, verdicts."""
