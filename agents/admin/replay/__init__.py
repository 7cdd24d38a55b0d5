"""Replay of a topic's records behind the live records."""
