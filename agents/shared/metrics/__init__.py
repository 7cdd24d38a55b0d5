"""Metrics of a worker: the catalogue, its table, and the registry that holds them."""
