"""Schema registries: the client, the schemas of a worker, the schemas of a command."""
