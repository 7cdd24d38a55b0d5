"""What stops a demo before its verdict."""

from streams.errors import StreamsError


class DemoError(StreamsError):
    """The demo could not be carried out; says what to look at."""
