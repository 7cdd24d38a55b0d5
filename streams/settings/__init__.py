"""Settings: from a YAML file and the environment, checked once, then frozen."""

from streams.settings.loader import load_settings
from streams.settings.model import Secret, Settings, Topics

__all__ = ["Secret", "Settings", "Topics", "load_settings"]
