"""The file's text → a destination, or every mistake in it."""

from typing import Final

import yaml

from streams.audiences.reading import ENTERED_EVENT, EXITED_EVENT
from streams.destination.mappings import compiled
from streams.destination.mistakes import Json, Mistakes
from streams.destination.model import (
    AudienceRule,
    Destination,
    MappingRule,
    UnknownMetric,
)
from streams.destination.presets import PRESETS
from streams.errors import ConfigError
from streams.events.contact import BadPhone, ContactRules, is_country
from streams.settings import Settings
from streams.settings.reading import API_KEY_ENV, BASE_PATH, faults
from streams.triggers.trigger import Trigger

_PARTS: Final = ("settings", "audiences", "mappings", "subscriptions")
_LIST_ACTIONS: Final = frozenset({"addProfileToList", "removeProfileFromList"})
_OURS: Final = (
    "api_key_env",
    "country",
    "bad_phone",
    "unknown_metric",
    "sync_audiences",
)
"""Settings of a destination; the others are a worker's."""

_SECRETS: Final = frozenset({"api_key", "klaviyo_api_key"})
_ELSEWHERE: Final = frozenset({"destination"})
"""A worker's settings that make no sense here: this file names no other."""

_KNOWN: Final = frozenset({*_OURS, *_SECRETS, *Settings.__struct_fields__}) - _ELSEWHERE


def read_destination(text: str | bytes) -> Destination:
    """Read and compile a destination file.

    Args:
        text: YAML or JSON; empty means every preset.

    Raises:
        ConfigError: Every mistake there is, each with its path.
    """
    try:
        raw = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError) as err:
        mark = getattr(err, "problem_mark", None)
        where = f"line {mark.line + 1}" if mark else "file"
        raise ConfigError([f"{where}: is no YAML"]) from None
    return destination_of(raw)


def destination_of(raw: Json) -> Destination:
    """Compile a destination.

    Args:
        raw: Decoded: an object with `settings`, `audiences` and `mappings` (Segment's
            `subscriptions`), a list of mappings, or None for every preset.

    Raises:
        ConfigError: Every mistake there is, each with its path.
    """
    mistakes = Mistakes()
    given = {"mappings": raw} if isinstance(raw, list) else raw
    parts = mistakes.object_at(given, at="file")
    mistakes.unknown(parts, _PARTS, at="", what="part of the file")
    settings = mistakes.object_at(parts.get("settings"), at="settings")
    found = _destination(parts, settings, mistakes=mistakes)
    if mistakes.lines:
        raise ConfigError(mistakes.lines)
    return found


def _destination(
    parts: dict[str, Json], settings: dict[str, Json], *, mistakes: Mistakes
) -> Destination:
    for name in sorted(_SECRETS & settings.keys()):
        words = "a secret does not belong in this file; name its variable: api_key_env"
        mistakes.note(f"settings.{name}", words)
    mistakes.unknown(settings, _KNOWN, at=BASE_PATH, what="setting")
    rules = _mappings(parts, mistakes=mistakes)
    moves_lists = any(_takes_audiences(rule) for rule in rules)
    return Destination(
        mappings=rules,
        audiences=_audiences(parts.get("audiences"), mistakes=mistakes),
        sync_audiences=mistakes.boolean_at(
            settings.get("sync_audiences"),
            at="settings.sync_audiences",
            default=not moves_lists,
        ),
        api_key_env=mistakes.text_at(
            settings.get("api_key_env"), at="settings.api_key_env", default=API_KEY_ENV
        ),
        contact_rules=_contact_rules(settings, mistakes=mistakes),
        unknown_metric=mistakes.choice_at(
            settings.get("unknown_metric"),
            at="settings.unknown_metric",
            default=UnknownMetric.ALLOW,
        ),
        settings=_of_worker(settings, mistakes=mistakes),
    )


def _of_worker(settings: dict[str, Json], *, mistakes: Mistakes) -> dict[str, Json]:
    """Check what is a worker's, and give it as it stands."""
    held = _KNOWN.difference(_OURS, _SECRETS)
    found = {name: value for name, value in settings.items() if name in held}
    for name, words in faults(found):
        mistakes.note(f"{BASE_PATH}{name}", words)
    return found


def _takes_audiences(rule: MappingRule) -> bool:
    """Whether a mapping puts on lists whom an audience's events are about."""
    if rule.action.name not in _LIST_ACTIONS:
        return False
    named = rule.trigger.text if isinstance(rule.trigger, Trigger) else ""
    return any(
        event in named or rule.trigger({"type": "track", "event": event})
        for event in (ENTERED_EVENT, EXITED_EVENT)
    )


def _mappings(parts: dict[str, Json], *, mistakes: Mistakes) -> tuple[MappingRule, ...]:
    place = "mappings" if parts.get("mappings") is not None else "subscriptions"
    given = parts.get(place)
    if given is None:
        given = list(PRESETS)
    if not isinstance(given, list):
        mistakes.note(place, "is no list")
        return ()
    found = [
        compiled(raw, at=f"{place}[{index}]", mistakes=mistakes)
        for index, raw in enumerate(given)
    ]
    return tuple(rule for rule in found if rule is not None)


def _contact_rules(settings: dict[str, Json], *, mistakes: Mistakes) -> ContactRules:
    country = mistakes.text_at(settings.get("country"), at="settings.country")
    if country and not is_country(country):
        mistakes.note("settings.country", "is no ISO 3166 code, such as US")
    bad_phone = mistakes.choice_at(
        settings.get("bad_phone"), at="settings.bad_phone", default=BadPhone.DROP
    )
    return ContactRules(country=country, bad_phone=bad_phone)


def _audiences(raw: Json, *, mistakes: Mistakes) -> dict[str, AudienceRule]:
    found = {}
    for key, given in mistakes.object_at(raw, at="audiences").items():
        at = f"audiences.{key}"
        told = {"list_id": given} if isinstance(given, str) else given
        held = mistakes.object_at(told, at=at)
        mistakes.unknown(
            held, ("list_id", "enabled"), at=f"{at}.", what="part of an audience"
        )
        found[key] = AudienceRule(
            list_id=mistakes.text_at(held.get("list_id"), at=f"{at}.list_id"),
            enabled=mistakes.boolean_at(
                held.get("enabled"), at=f"{at}.enabled", default=True
            ),
        )
    return found
