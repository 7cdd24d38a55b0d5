"""Batches of activations on their way out, and what became of each."""
