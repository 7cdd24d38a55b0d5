"""Comparison of the memberships table with Klaviyo's lists, and repairs."""
