"""Triggers: parse FQL text to a tree, and compile the tree to a fast predicate."""
