"""Batches of activations on their way to Klaviyo, and the verdict on each item."""
