"""The wire to Klaviyo: quotas, requests, answers, the client and its operations."""
