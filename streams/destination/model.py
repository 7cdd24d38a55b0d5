"""Compiled destination: mappings that match an event, and results of mappings."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, Final

import msgspec
import orjson

from streams.actions.activation import DEFAULT_BATCH, BatchOverride
from streams.actions.fields import choose_emails
from streams.actions.intents import ActionResult, PayloadRefusal
from streams.actions.spec import ActionSpec
from streams.destination.completion import DEFAULT_IDENTITY_RULES, IdentityRules
from streams.destination.opt_out import DEFAULT_OPT_OUT_RULES, OptOutRules
from streams.destination.rows.payload import (
    PROFILE_ACTIONS,
    clearing_payload,
    with_person,
    without_nulls,
)
from streams.destination.rows.selection import RowSelection
from streams.destination.syncs.model import Sync
from streams.events.identifiers import DEFAULT_CONTACT_RULES, ContactRules
from streams.events.row import CHANGE_NAMES, RowChange, is_row
from streams.events.sources import Source
from streams.mapping import Unmappable
from streams.triggers.names import Names, answers_by_names
from streams.triggers.trigger import Trigger

EventBody = dict[str, Any]
"""JSON object of an event, as the producer wrote it."""


NOBODY: Final[Mapping[str, str]] = {}


class UnknownMetricPolicy(StrEnum):
    """Treatment of an event with a metric that Klaviyo does not have."""

    ALLOW = "allow"
    """Send the event; Klaviyo creates the metric."""

    DEAD_LETTER = "dead-letter"
    """Send the event to the dead letters."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Batching:
    """Batching of a mapping's payloads.

    Attributes:
        enabled: Whether payloads share requests at all.
        size: Maximum number of payloads in one request.
        keys: Fields that must be the same in one request.
    """

    enabled: bool = True
    size: int
    keys: tuple[str, ...]


class MappingResult(msgspec.Struct, frozen=True, kw_only=True):
    """Result of a mapping for a single event.

    Attributes:
        mapping: The mapping's name.
        action: The action's name, in camel case.
        payload: The payload that the mapping built; empty if it could build none.
        result: The intents, or the reason for having none.
    """

    mapping: str
    action: str
    payload: dict[str, Any]
    result: ActionResult


@dataclass(frozen=True, slots=True, kw_only=True)
class MappingRule:
    """Mapping of the file in compiled form.

    Attributes:
        name: The user's name for the mapping.
        action: The action that its payloads are for.
        trigger: Returns True for the events that the mapping is for.
        build_payload: Builds the payload for an event.
        metrics: Metrics that the mapping itself names, for the preflight check.
        batching: Batching of its payloads.
        rows: Rows that start the mapping; None if rows never do.
        expire_after_s: Longest wait for Klaviyo; 0 for the wait in the worker's
            settings.
    """

    name: str
    action: ActionSpec
    trigger: Callable[[EventBody], bool]
    build_payload: Callable[[EventBody], Any]
    metrics: tuple[str, ...]
    batching: Batching
    rows: RowSelection | None = None
    expire_after_s: float = 0.0

    def apply(
        self,
        event: EventBody,
        *,
        rules: ContactRules,
        person: Mapping[str, str] = NOBODY,
    ) -> MappingResult:
        """Map an event that the trigger matches to the intents of the action.

        Args:
            event: A JSON object; it is not changed.
            rules: Rules for reading contacts.
            person: Known identifiers, for a deleted row that names nobody.
        """
        payload = self.build_payload(event)
        if type(payload) is dict:
            payload = choose_emails(payload, self.action.email_fields)
            if self.rows and is_row(event):
                payload = self._payload_of_row(payload, event, self.rows, person)
            result = self.action.to_intents(payload, rules=rules)
        else:
            payload, result = {}, _unmappable_refusal(payload)
        return MappingResult(
            mapping=self.name,
            action=self.action.name,
            payload=payload,
            result=result,
        )

    def _payload_of_row(
        self,
        payload: dict[str, Any],
        event: EventBody,
        rows: RowSelection,
        person: Mapping[str, str],
    ) -> dict[str, Any]:
        if event["event"] != RowChange.DELETED:
            is_profile = self.action.name in PROFILE_ACTIONS
            return without_nulls(payload, rows.clear) if is_profile else payload
        if person:
            payload = with_person(payload, person, action=self.action)
        return clearing_payload(payload, rows.clear) if rows.clear else payload


def _unmappable_refusal(value: object) -> PayloadRefusal:
    if isinstance(value, Unmappable):
        return PayloadRefusal(code="unmappable", reason=value.reason)
    return PayloadRefusal(
        code="unmappable", reason="the mapping does not make an object"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class AudienceRule:
    """Settings of an audience in the file.

    Attributes:
        list_id: The audience's Klaviyo list; empty to find or create a list.
        enabled: Whether the audience is synced.
    """

    list_id: str = ""
    enabled: bool = True


class RulesByName:
    """Mappings by the names of events: most triggers need no other test.

    A row starts only mappings that are for rows.

    Args:
        rules: The mappings.
    """

    def __init__(self, rules: tuple[MappingRule, ...]) -> None:
        self._rules = [
            (rule, _answers_of(rule.trigger))
            for rule in rules
            if not (rule.rows and rule.rows.is_only_rows)
        ]
        self._row_rules = [(rule, rule.rows) for rule in rules if rule.rows]
        answered = {names for _, answers in self._rules for names in answers}
        self._names = {name for names in answered for name in names if name is not None}
        self._candidates: dict[Names, list[tuple[MappingRule, bool]]] = {}

    def matching(self, event: EventBody) -> list[MappingRule]:
        """Return the mappings with a trigger that matches an event."""
        if event.get("event") in CHANGE_NAMES and is_row(event):
            return [
                rule
                for rule, rows in self._row_rules
                if rows.accepts(event) and rule.trigger(event)
            ]
        kind, name = (
            text if isinstance(text, str) and text in self._names else None
            for text in (event.get("type"), event.get("event"))
        )
        candidates = self._candidates.get((kind, name))
        if candidates is None:
            nearest = ((kind, name), (kind, None), (None, name), (None, None))
            candidates = self._candidates[kind, name] = []
            for rule, answers in self._rules:
                is_match = next(answers[names] for names in nearest if names in answers)
                if is_match is not False:
                    candidates.append((rule, bool(is_match)))
        return [rule for rule, is_sure in candidates if is_sure or rule.trigger(event)]


def _answers_of(trigger: Callable[[EventBody], bool]) -> dict[Names, bool | None]:
    if isinstance(trigger, Trigger):
        return answers_by_names(trigger.node)
    return {(None, None): None}


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """Destination file in compiled form.

    Attributes:
        mappings: The enabled mappings, in the file's order.
        audiences: Audience key to the audience's settings.
        sources: Sources of the file; topics of the setting `source_topics` that none
            of them names have Segment JSON.
        sync_audiences: Whether audience events change lists by themselves; by default
            not if a mapping of the file maps them to lists.
        api_key_env: The environment variable that holds the API key.
        contact_rules: Rules for reading contacts.
        unknown_metric: Treatment of an event with a metric that Klaviyo does not have.
        opt_out_rules: Rules for events that their producer holds back.
        identity_rules: Rules for naming the person of an intent.
        warnings: Warnings about the file, a line each: `path: warning`.
        settings: The file's settings of the worker, with the topics of its sources.
        syncs: Name to sync, for `klaviyo-streams sync`; a worker runs none.
        rules_by_name: The mappings by the names of events.
    """

    mappings: tuple[MappingRule, ...]
    audiences: Mapping[str, AudienceRule] = field(default_factory=dict)
    sources: tuple[Source, ...] = ()
    sync_audiences: bool = True
    api_key_env: str = ""
    contact_rules: ContactRules = DEFAULT_CONTACT_RULES
    unknown_metric: UnknownMetricPolicy = UnknownMetricPolicy.ALLOW
    opt_out_rules: OptOutRules = DEFAULT_OPT_OUT_RULES
    identity_rules: IdentityRules = DEFAULT_IDENTITY_RULES
    warnings: tuple[str, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)
    syncs: Mapping[str, Sync] = field(default_factory=dict)
    rules_by_name: RulesByName = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "rules_by_name", RulesByName(self.mappings))

    def with_lists(self, list_ids: Mapping[str, str]) -> "Destination":
        """Return the destination with the lists of the settings first."""
        rules = {
            key: replace(self.audiences.get(key, AudienceRule()), list_id=list_id)
            for key, list_id in list_ids.items()
        }
        return replace(self, audiences={**self.audiences, **rules})

    def map_event(self, event: EventBody) -> tuple[MappingResult, ...]:
        """Return the results of all mappings that match an event; never raises.

        Args:
            event: A JSON object; it is not changed.
        """
        return tuple(
            rule.apply(event, rules=self.contact_rules)
            for rule in self.rules_by_name.matching(event)
        )

    @property
    def metrics(self) -> dict[str, tuple[str, ...]]:
        """Metrics that mappings name literally, to the names of the mappings."""
        mappings_by_metric: dict[str, dict[str, None]] = {}
        for rule in self.mappings:
            for metric in rule.metrics:
                mappings_by_metric.setdefault(metric, {})[rule.name] = None
        return {
            metric: tuple(mappings) for metric, mappings in mappings_by_metric.items()
        }


def batch_override_of(
    rule: MappingRule, mapping_result: MappingResult
) -> BatchOverride:
    """Return the batching of a mapping, where different from that of the action."""
    batching, action = rule.batching, rule.action
    if not batching.enabled:
        return BatchOverride(items_max=1)
    items_max = 0 if batching.size == action.batch_size else batching.size
    if batching.keys == action.batch_keys:
        return BatchOverride(items_max=items_max) if items_max else DEFAULT_BATCH
    key = _batch_key(mapping_result.payload, batching.keys)
    return BatchOverride(items_max=items_max, key=key)


def _batch_key(payload: dict[str, Any], names: tuple[str, ...]) -> str:
    return orjson.dumps(list(_values(payload, names))).decode()


def _values(payload: dict[str, Any], names: tuple[str, ...]) -> Iterator[Any]:
    for name in names:
        yield payload.get(name)
