"""Destination file: compiled once, with every problem reported at once."""
