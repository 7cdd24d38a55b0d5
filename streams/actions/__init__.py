"""Actions: payloads to intents, and comparison of intents with the user state."""
