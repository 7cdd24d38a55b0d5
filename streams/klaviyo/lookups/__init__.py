"""Questions to Klaviyo about profiles, lists, list members and metrics."""
