"""Definitions of the actions, each with its fields and the intents it builds."""
