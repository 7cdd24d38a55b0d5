"""Klaviyo's JSON:API format: reading requests, writing resources, pages and errors."""
