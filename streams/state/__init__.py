"""User state: the last writes that the table remembers about a user key."""
