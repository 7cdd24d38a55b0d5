"""Syncs of a destination file: rows of a warehouse that become row events."""
