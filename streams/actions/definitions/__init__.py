"""Definitions of the actions, each with fields and a builder of intents."""
