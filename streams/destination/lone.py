"""A mapping that stands alone: the event tester's, with no file around it."""

from dataclasses import replace

from streams.destination.mappings import compiled
from streams.destination.mistakes import Json, Mistakes
from streams.destination.model import MappingRule
from streams.errors import ConfigError


def lone_rule(
    action: Json, *, mapping: Json = None, trigger: Json = None
) -> MappingRule:
    """Compile one mapping.

    Args:
        action: The action's name, in camel case.
        mapping: Segment's JSON; None is the action's default mapping.
        trigger: FQL; None takes every event.

    Raises:
        ConfigError: Every mistake there is, each with its path.
    """
    mistakes = Mistakes()
    raw = {"action": action, "mapping": mapping, "trigger": trigger}
    rule = compiled(raw, at="mapping", mistakes=mistakes)
    if rule is None or mistakes.lines:
        raise ConfigError(mistakes.lines)
    return rule if trigger is not None else replace(rule, trigger=_takes_all)


def _takes_all(_: object) -> bool:
    return True
