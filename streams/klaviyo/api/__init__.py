"""Klaviyo's HTTP API: client, transport, endpoints, requests and responses."""
