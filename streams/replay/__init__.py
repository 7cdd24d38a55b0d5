"""Which records a replay takes, and how far it is."""
