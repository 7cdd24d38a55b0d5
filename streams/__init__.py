"""Decisions of the stream processor: pure functions over frozen records."""
