"""Source formats, a module each: bytes of a record to a canonical event."""
