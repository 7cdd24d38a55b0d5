"""Settings: from a YAML file and the environment, checked once, then frozen."""

from streams.settings.model import Secret, Settings, Topics
from streams.settings.reading import load

__all__ = ["Secret", "Settings", "Topics", "load"]
