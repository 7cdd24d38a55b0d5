"""Who is in which audience: (membership, event) → (membership, edge)."""
