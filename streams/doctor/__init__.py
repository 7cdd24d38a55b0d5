"""Checks of `klaviyo-streams doctor`: facts in, findings with fixes out."""
