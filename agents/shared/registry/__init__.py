"""Schema registries: their client, the schemas of a worker, and those of a command."""
