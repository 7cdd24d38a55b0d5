"""Audiences: audience events, transitions of memberships, and their Klaviyo lists."""
