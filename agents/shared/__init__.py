"""Parts that all stages and commands use: services, records, topics."""
