"""User state: everything the table remembers about one user key."""
