"""What the stream processor decides: pure functions over frozen records."""
