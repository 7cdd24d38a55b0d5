"""Gathering of the facts that the checks in `streams.doctor` judge."""
