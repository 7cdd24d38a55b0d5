"""Changes of a warehouse's rows: what to compare, when to stop, what to send."""
