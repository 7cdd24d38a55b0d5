"""Parts that all stages and commands use: services, headers, records, topics."""
