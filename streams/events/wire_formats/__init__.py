"""Wire formats, a module each: bytes of a key or value to JSON, by the source."""
