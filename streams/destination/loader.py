"""Loading of a destination file: a compiled destination, or all problems."""

from dataclasses import replace
from typing import Final

from streams.actions.intents import ConflictPolicy
from streams.audiences.audience_events import AUDIENCE_EVENTS, ENTITY_EVENTS
from streams.destination.aliases import AliasPolicy
from streams.destination.completion import (
    HOLD_DEFAULT_S,
    HOLD_MAX_S,
    IdentityRules,
    UnknownPersonPolicy,
)
from streams.destination.mapping_rules import compile_rule
from streams.destination.model import (
    AudienceRule,
    Destination,
    MappingRule,
    UnknownMetricPolicy,
)
from streams.destination.opt_out import ConsentStrategy, OptOutRules
from streams.destination.presets import GROUP_MAPPINGS, PRESETS, GroupPolicy
from streams.destination.problems import ConfigProblems
from streams.destination.rows.selection import EVERY_ROW
from streams.destination.sources import read_sources, source_topics
from streams.destination.syncs.reader import read_syncs
from streams.errors import ConfigError
from streams.events.identifiers import BadPhonePolicy, ContactRules
from streams.events.phone_numbers import is_country_code
from streams.events.sources import Source
from streams.mapping.values import Json
from streams.settings import Settings
from streams.settings.loader import API_KEY_ENV, BASE_PREFIX, layer_problems
from streams.settings.yaml_reader import read_yaml
from streams.triggers.trigger import Trigger

FILE_PARTS: Final = (
    "settings",
    "audiences",
    "sources",
    "mappings",
    "subscriptions",
    "syncs",
)
AUDIENCE_FIELDS: Final = ("list_id", "enabled")
IDENTITY_FIELDS: Final = (
    "complete",
    "unknown",
    "hold_for_s",
    "on_conflict",
    "alias",
    "shared_profiles",
)
DESTINATION_SETTINGS: Final = (
    "api_key_env",
    "country",
    "bad_phone",
    "unknown_metric",
    "sync_audiences",
    "consent_categories",
    "consent_strategy",
    "integration_names",
    "opted_out_withdrawals",
    "identity",
    "group",
)
"""Settings of a destination; the other settings in the file are the worker's."""

_LIST_ACTIONS: Final = frozenset({"addProfileToList", "removeProfileFromList"})
_SECRETS: Final = frozenset({"api_key", "klaviyo_api_key"})
_WORKER_ONLY_SETTINGS: Final = frozenset({"destination"})
"""Settings of a worker without a meaning here: this file names no other file."""

_ALLOWED_SETTINGS: Final = (
    frozenset({*DESTINATION_SETTINGS, *_SECRETS, *Settings.__struct_fields__})
    - _WORKER_ONLY_SETTINGS
)


def read_destination(text: str | bytes) -> Destination:
    """Read and compile a destination file.

    Args:
        text: YAML or JSON; empty means every preset.

    Raises:
        ConfigError: Every problem in the file, each with its path.
    """
    return compile_destination(read_yaml(text))


def compile_destination(raw: Json) -> Destination:
    """Compile a decoded destination file.

    Args:
        raw: An object with `settings`, `audiences` and `mappings` (Segment's
            `subscriptions`), a list of mappings, or None for every preset.

    Raises:
        ConfigError: Every problem in the file, each with its path.
    """
    problems = ConfigProblems()
    file_parts = {"mappings": raw} if isinstance(raw, list) else raw
    parts = problems.object_at(file_parts, at="file")
    problems.add_unknown_names(parts, FILE_PARTS, at="", what="part of the file")
    settings = problems.object_at(parts.get("settings"), at="settings")
    destination = _compile_parts(parts, settings, problems=problems)
    if problems.lines:
        raise ConfigError(problems.lines)
    return replace(destination, warnings=tuple(problems.warnings))


def standalone_rule(
    action: Json, *, mapping: Json = None, trigger: Json = None
) -> MappingRule:
    """Compile a single mapping without a file, for the event tester.

    Args:
        action: The action's name, in camel case.
        mapping: Segment's JSON; None is the action's default mapping.
        trigger: FQL; None matches every event.

    Raises:
        ConfigError: Every problem in the mapping, each with its path.
    """
    problems = ConfigProblems()
    raw = {"action": action, "mapping": mapping, "trigger": trigger}
    rule = compile_rule(raw, at="mapping", problems=problems)
    if rule is None or problems.lines:
        raise ConfigError(problems.lines)
    rule = replace(rule, rows=EVERY_ROW)
    return rule if trigger is not None else replace(rule, trigger=_match_every_event)


def _match_every_event(_: object) -> bool:
    return True


def _compile_parts(
    parts: dict[str, Json], settings: dict[str, Json], *, problems: ConfigProblems
) -> Destination:
    for name in sorted(_SECRETS & settings.keys()):
        message = (
            "a secret does not belong in this file; name its variable in api_key_env"
        )
        problems.add(f"settings.{name}", message)
    problems.add_unknown_names(
        settings, _ALLOWED_SETTINGS, at=BASE_PREFIX, what="setting"
    )
    rules = _compile_mappings(parts, problems=problems)
    rules += _compile_group_mappings(settings, problems=problems)
    _warn_of_models(rules, _models_in(parts), problems=problems)
    syncs_lists = any(_syncs_audience_lists(rule) for rule in rules)
    return Destination(
        mappings=rules,
        audiences=_read_audiences(parts.get("audiences"), problems=problems),
        sources=read_sources(parts.get("sources"), problems=problems),
        sync_audiences=problems.boolean_at(
            settings.get("sync_audiences"),
            at="settings.sync_audiences",
            default=not syncs_lists,
        ),
        api_key_env=problems.text_at(
            settings.get("api_key_env"), at="settings.api_key_env", default=API_KEY_ENV
        ),
        contact_rules=_read_contact_rules(settings, problems=problems),
        unknown_metric=problems.choice_at(
            settings.get("unknown_metric"),
            at="settings.unknown_metric",
            default=UnknownMetricPolicy.ALLOW,
        ),
        opt_out_rules=_read_opt_out_rules(settings, problems=problems),
        identity_rules=_read_identity_rules(settings, problems=problems),
        settings=_worker_settings(parts, settings, problems=problems),
        syncs=read_syncs(parts.get("syncs"), problems=problems),
    )


def _worker_settings(
    parts: dict[str, Json], settings: dict[str, Json], *, problems: ConfigProblems
) -> dict[str, Json]:
    """Check the settings of the worker, and return them with the topics of sources."""
    worker_names = _ALLOWED_SETTINGS.difference(DESTINATION_SETTINGS, _SECRETS)
    worker_settings = {
        name: value for name, value in settings.items() if name in worker_names
    }
    for name, message in layer_problems(worker_settings):
        problems.add(f"{BASE_PREFIX}{name}", message)
    if topics := source_topics(parts.get("sources")):
        listed = worker_settings.get("source_topics") or []
        worker_settings["source_topics"] = [*dict.fromkeys([*topics, *listed])]
    return worker_settings


def _syncs_audience_lists(rule: MappingRule) -> bool:
    """Return True if a mapping adds the users of audience events to lists, or removes.

    A trigger that names an audience event counts, whatever else it requires.
    """
    if rule.action.name not in _LIST_ACTIONS:
        return False
    trigger_text = rule.trigger.text if isinstance(rule.trigger, Trigger) else ""
    names = (*AUDIENCE_EVENTS, *ENTITY_EVENTS)
    return any(name in trigger_text for name in names) or any(
        rule.trigger({"type": "track", "event": name}) for name in AUDIENCE_EVENTS
    )


def _compile_mappings(
    parts: dict[str, Json], *, problems: ConfigProblems
) -> tuple[MappingRule, ...]:
    key = "mappings" if parts.get("mappings") is not None else "subscriptions"
    raw_mappings = parts.get(key)
    if raw_mappings is None:
        raw_mappings = list(PRESETS)
    if not isinstance(raw_mappings, list):
        problems.add(key, "is not a list")
        return ()
    rules = [
        compile_rule(raw, at=f"{key}[{index}]", problems=problems)
        for index, raw in enumerate(raw_mappings)
    ]
    return tuple(rule for rule in rules if rule is not None)


def _compile_group_mappings(
    settings: dict[str, Json], *, problems: ConfigProblems
) -> tuple[MappingRule, ...]:
    policy = problems.choice_at(
        settings.get("group"), at="settings.group", default=GroupPolicy.IGNORE
    )
    if policy is GroupPolicy.IGNORE:
        return ()
    rules = [
        compile_rule(raw, at="settings.group", problems=problems)
        for raw in GROUP_MAPPINGS
    ]
    return tuple(rule for rule in rules if rule is not None)


def _models_in(parts: dict[str, Json]) -> set[str]:
    """Return the models that the sources and syncs of the file name."""
    entries: list[Json] = []
    for part in ("sources", "syncs"):
        raw = parts.get(part)
        if isinstance(raw, dict):
            entries += raw.values()
        elif isinstance(raw, list):
            entries += raw
    models = (entry.get("model") for entry in entries if isinstance(entry, dict))
    return {model for model in models if isinstance(model, str)}


def _warn_of_models(
    rules: tuple[MappingRule, ...], models: set[str], *, problems: ConfigProblems
) -> None:
    """Warn of mappings for a Segment model id that no source declares."""
    for rule in rules:
        if rule.rows and rule.rows.takes_unnamed and rule.rows.model not in models:
            message = "no source has this model: rows that name no model start the"
            problems.warn(f"{rule.name}: modelId", f"{message} mapping")


def _read_contact_rules(
    settings: dict[str, Json], *, problems: ConfigProblems
) -> ContactRules:
    country = problems.text_at(settings.get("country"), at="settings.country")
    if country and not is_country_code(country):
        problems.add("settings.country", "is not an ISO 3166 code, such as US")
    bad_phone = problems.choice_at(
        settings.get("bad_phone"), at="settings.bad_phone", default=BadPhonePolicy.DROP
    )
    return ContactRules(country=country, bad_phone=bad_phone)


def _read_opt_out_rules(
    settings: dict[str, Json], *, problems: ConfigProblems
) -> OptOutRules:
    return OptOutRules(
        consent_categories=problems.texts_at(
            settings.get("consent_categories"), at="settings.consent_categories"
        ),
        consent_strategy=problems.choice_at(
            settings.get("consent_strategy"),
            at="settings.consent_strategy",
            default=ConsentStrategy.AND,
        ),
        integration_names=problems.texts_at(
            settings.get("integration_names"), at="settings.integration_names"
        ),
        allows_withdrawals=problems.boolean_at(
            settings.get("opted_out_withdrawals"),
            at="settings.opted_out_withdrawals",
            default=False,
        ),
    )


def _read_identity_rules(
    settings: dict[str, Json], *, problems: ConfigProblems
) -> IdentityRules:
    at = "settings.identity"
    options = problems.object_at(settings.get("identity"), at=at)
    problems.add_unknown_names(
        options, IDENTITY_FIELDS, at=f"{at}.", what="part of identity"
    )
    rules = IdentityRules(
        is_unknown_chosen=options.get("unknown") is not None,
        complete=problems.boolean_at(
            options.get("complete"), at=f"{at}.complete", default=True
        ),
        unknown=problems.choice_at(
            options.get("unknown"),
            at=f"{at}.unknown",
            default=UnknownPersonPolicy.SEND,
        ),
        hold_for_s=problems.seconds_at(
            options.get("hold_for_s"), at=f"{at}.hold_for_s", maximum=HOLD_MAX_S
        )
        or HOLD_DEFAULT_S,
        on_conflict=problems.choice_at(
            options.get("on_conflict"),
            at=f"{at}.on_conflict",
            default=ConflictPolicy.UPDATE,
        ),
        alias=problems.choice_at(
            options.get("alias"), at=f"{at}.alias", default=AliasPolicy.IGNORE
        ),
        shared_profiles=problems.boolean_at(
            options.get("shared_profiles"), at=f"{at}.shared_profiles", default=False
        ),
    )
    if rules.unknown is UnknownPersonPolicy.HOLD and not rules.complete:
        problems.add(f"{at}.unknown", "hold has no effect without complete: true")
    if rules.shared_profiles and not rules.complete:
        at = f"{at}.shared_profiles"
        problems.add(at, "true has no effect without complete: true")
    return rules


def _read_audiences(raw: Json, *, problems: ConfigProblems) -> dict[str, AudienceRule]:
    rules = {}
    for key, raw_rule in problems.object_at(raw, at="audiences").items():
        at = f"audiences.{key}"
        as_object = {"list_id": raw_rule} if isinstance(raw_rule, str) else raw_rule
        options = problems.object_at(as_object, at=at)
        problems.add_unknown_names(
            options, AUDIENCE_FIELDS, at=f"{at}.", what="part of an audience"
        )
        rules[key] = AudienceRule(
            list_id=problems.text_at(options.get("list_id"), at=f"{at}.list_id"),
            enabled=problems.boolean_at(
                options.get("enabled"), at=f"{at}.enabled", default=True
            ),
        )
    return rules


def read_worker_settings(text: str | bytes) -> dict[str, Json]:
    """Read the worker's settings in a destination file; mappings are not compiled.

    Args:
        text: YAML or JSON.

    Raises:
        ConfigError: Every problem in the settings, each with its path.
    """
    raw = read_yaml(text)
    problems = ConfigProblems()
    parts = {} if isinstance(raw, list) else problems.object_at(raw, at="file")
    settings = problems.object_at(parts.get("settings"), at="settings")
    problems.add_unknown_names(
        settings, _ALLOWED_SETTINGS, at=BASE_PREFIX, what="setting"
    )
    worker_settings = _worker_settings(parts, settings, problems=problems)
    if problems.lines:
        raise ConfigError(problems.lines)
    return worker_settings


def read_file_sources(text: str | bytes) -> tuple[Source, ...]:
    """Read the sources of a destination file; mappings are not compiled.

    Args:
        text: YAML or JSON.

    Raises:
        ConfigError: Every problem of the sources, each with its path.
    """
    raw = read_yaml(text)
    problems = ConfigProblems()
    sources = read_sources(
        raw.get("sources") if isinstance(raw, dict) else None, problems=problems
    )
    if problems.lines:
        raise ConfigError(problems.lines)
    return sources
