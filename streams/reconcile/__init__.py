"""TODO reconcile."""
