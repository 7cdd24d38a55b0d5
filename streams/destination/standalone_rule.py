"""A mapping that stands alone: the event tester's, with no file around it."""

from dataclasses import replace

from streams.destination.mapping_rules import compile_rule
from streams.destination.model import MappingRule
from streams.destination.problems import ConfigProblems, Json
from streams.errors import ConfigError


def standalone_rule(
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
    problems = ConfigProblems()
    raw = {"action": action, "mapping": mapping, "trigger": trigger}
    rule = compile_rule(raw, at="mapping", problems=problems)
    if rule is None or problems.lines:
        raise ConfigError(problems.lines)
    return rule if trigger is not None else replace(rule, trigger=_match_every_event)


def _match_every_event(_: object) -> bool:
    return True
