"""Changes of a warehouse's rows: columns to compare, guards, row events to send."""
