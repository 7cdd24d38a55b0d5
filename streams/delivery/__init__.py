"""Batches of activations on the way to Klaviyo, and the verdict on each item."""
