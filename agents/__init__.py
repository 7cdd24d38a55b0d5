"""Stream processor: a worker with a module per stage, and the command line."""
