"""A trigger: whether a mapping takes an event."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from streams.triggers.compiling import Predicate, compile_predicate
from streams.triggers.parsing import parse


@dataclass(frozen=True, slots=True)
class Trigger:
    """A compiled trigger; call it with an event.

    Attributes:
        text: The trigger as it was written.
        test: What it became; for JSON objects only.
    """

    text: str
    test: Predicate = field(repr=False, compare=False)

    def __call__(self, event: object) -> bool:
        """Whether the event matches; what is no JSON object never does."""
        return isinstance(event, dict | Mapping) and self.test(event)


def compile_trigger(text: str) -> Trigger:
    """Read a trigger and make it ready for events.

    Args:
        text: FQL as in a Segment destination, such as `type = "track"`.

    Raises:
        TriggerError: It is wrong; a `ConfigError` with line, column and what was
            expected.
    """
    return Trigger(text, compile_predicate(parse(text)))
