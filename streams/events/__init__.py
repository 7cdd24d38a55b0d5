"""Canonical events, with their identifiers, user key, origin and time."""
