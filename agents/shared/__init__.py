"""Parts that several stages and commands use: context, topics, logging, signals."""
