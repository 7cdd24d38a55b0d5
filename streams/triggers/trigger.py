"""Triggers select the events that a mapping handles."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from streams.triggers.compiling import Predicate, compile_predicate
from streams.triggers.parsing import parse


@dataclass(frozen=True, slots=True)
class Trigger:
    """Compiled trigger; call the trigger with an event.

    Attributes:
        text: Trigger as it was written.
        test: Compiled predicate, for JSON objects only.
    """

    text: str
    test: Predicate = field(repr=False, compare=False)

    def __call__(self, event: object) -> bool:
        """Return True if the event matches; values that are not objects never match."""
        return isinstance(event, dict | Mapping) and self.test(event)


def compile_trigger(text: str) -> Trigger:
    """Parse and compile a trigger.

    Args:
        text: FQL as in a Segment destination, such as `type = "track"`.

    Raises:
        TriggerError: The text is wrong; a `ConfigError` with line, column and expected
            tokens.
    """
    return Trigger(text, compile_predicate(parse(text)))
