"""Client for Klaviyo's API, and the operations that carry out intents."""
