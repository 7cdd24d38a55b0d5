"""A real schema registry for tests, shared by the whole run."""
