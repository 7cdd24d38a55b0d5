"""Audiences: audience events, transitions of memberships, and lists of audiences."""
