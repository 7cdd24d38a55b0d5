"""When the next request may leave: signals, a pure state, and the only sleeper."""
