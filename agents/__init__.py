"""Stream processor: a worker with one module per stage, and its commands."""
