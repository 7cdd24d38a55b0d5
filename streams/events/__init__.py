"""Canonical events, with identifiers, user key, origin and time."""
