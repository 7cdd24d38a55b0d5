"""Bytes of a record to a canonical event and its user key."""
