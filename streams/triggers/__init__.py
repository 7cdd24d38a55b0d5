"""Triggers: FQL text becomes a tree, the tree becomes a fast predicate on events."""
