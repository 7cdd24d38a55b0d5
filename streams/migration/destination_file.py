"""Destination file for an export: YAML with a comment at each decision."""

import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

import yaml

from streams.destination.loader import compile_destination
from streams.destination.mapping_rules import ALIASES, IGNORED_FIELDS, MAPPING_FIELDS
from streams.errors import ConfigError
from streams.mapping.values import Json
from streams.migration.export import AudienceExport, ClassicSettings, Export

WIDTH: Final = 88

_HEAD: Final = (
    "Written by `klaviyo-streams migrate`. Each decision has a comment; change what "
    "does not suit you, then run `klaviyo-streams check` on this file."
)
_KEY: Final = (
    "The private API key is not in this file, and an exported key was not copied: set "
    "this variable."
)
_LIST_ID: Final = "$.integrations.Klaviyo.listId"


def write_destination_file(export: Export) -> str:
    """Return the destination file for an export.

    A mapping that this project refuses stands there as a comment, with the reason.
    """
    parts = [
        _comment(_HEAD),
        _settings(export.classic),
        _audiences(export.audiences),
        "mappings:",
        *_classic_mappings(export.classic),
        *map(_subscription, export.subscriptions),
    ]
    if export.classic is None and not export.subscriptions:
        parts.append(
            _comment("No subscriptions were exported: this is the preset for profiles.")
        )
        parts.append(_items({"action": "upsertProfile"}))
    return "\n".join(part for part in parts if part) + "\n"


def _settings(classic: ClassicSettings | None) -> str:
    lines = ["settings:", _comment(_KEY, indent=2), "  api_key_env: KLAVIYO_API_KEY"]
    if classic is None:
        return "\n".join(lines)
    if classic.enforce_email:
        text = (
            "enforceEmail was on: events of persons without an address did not reach "
            "Klaviyo, and `drop` keeps it so. With `hold` they wait for the address."
        )
        lines += [_comment(text, indent=2), "  identity: {unknown: drop}"]
    else:
        text = (
            "enforceEmail was off: events of persons known by an id alone were sent. "
            "`hold` would avoid second profiles of them."
        )
        lines += [_comment(text, indent=2), "  identity: {unknown: send}"]
    return "\n".join(lines)


def _audiences(audiences: Sequence[AudienceExport]) -> str:
    if not audiences:
        return ""
    text = (
        "Engage goes on to compute these audiences; their events move the lists. An "
        "audience without list_id gets a list of its name."
    )
    values: dict[str, Json] = {}
    for audience in audiences:
        value: dict[str, Json] = {"list_id": audience.list_id}
        values[audience.key] = {
            **(value if audience.list_id else {}),
            **({} if audience.enabled else {"enabled": False}),
        }
    return "\n".join([_comment(text), _dump({"audiences": values})])


def _classic_mappings(classic: ClassicSettings | None) -> Iterator[str]:
    if classic is None:
        return
    yield _comment(
        "Identify calls make profiles, as before. The user id is stored as external "
        "id beside the address; `fields: {external_id: null}` leaves it out, as "
        "enforceEmail did.",
        indent=2,
    )
    yield _items({"action": "upsertProfile"})
    yield from _list_mapping(classic)
    yield _comment("Track calls are recorded under their own names.", indent=2)
    yield _items(
        {
            "action": "trackEvent",
            "trigger": 'type = "track" and event != "Order Completed"',
        }
    )
    metric = "Order Completed" if classic.keeps_order_completed else "Placed Order"
    yield _comment(
        f"The server side of the classic destination recorded orders as {metric!r}, "
        "and each product as 'Ordered Product'.",
        indent=2,
    )
    yield _items({"action": "orderCompleted", "fields": {"event_name": metric}})


def _list_mapping(classic: ClassicSettings) -> Iterator[str]:
    list_id: Json = {"@path": _LIST_ID}
    if classic.list_id:
        list_id = {"@if": {"exists": list_id, "then": list_id, "else": classic.list_id}}
        trigger = 'type = "identify"'
        text = "listId: each identify call adds to this list, or to the call's own."
    else:
        trigger = 'type = "identify" and integrations.Klaviyo.listId != null'
        text = "Without listId only calls that name a list add to one."
    if classic.confirm_opt_in:
        text += (
            " confirmOptin was on, so this subscribes; whether Klaviyo asks for "
            "confirmation is a setting of the list there: make it double opt-in."
        )
        fields: dict[str, Json] = {"list_id": list_id, "channels": ["email"]}
        action = "subscribeProfile"
        fields["phone_number"] = None
    else:
        text += " confirmOptin was off, so consent does not change."
        fields, action = {"list_id": list_id}, "addProfileToList"
    yield _comment(text, indent=2)
    yield _items(
        {"name": "List", "action": action, "trigger": trigger, "fields": fields}
    )


def _subscription(subscription: Mapping[str, Json]) -> str:
    """Return a subscription in the words of this project, with what changes."""
    named = {ALIASES.get(name, name): value for name, value in subscription.items()}
    mapping: dict[str, Json] = {}
    mapping |= {name: named[name] for name in MAPPING_FIELDS if name in named}
    mapping |= {"model": named["modelId"]} if named.get("modelId") else {}
    dropped = sorted(named.keys() - {*mapping, "modelId", *IGNORED_FIELDS})
    texts = [f"Left out, without effect here: {', '.join(dropped)}."] if dropped else []
    if mapping.get("enabled") is False:
        texts.append("Not enabled in Segment, so not here.")
    if mapping.get("model"):
        texts.append("The model is Segment's id of a query: a source names its own.")
    comment = _comment(" ".join(texts), indent=2) if texts else ""
    if problems := find_problems(mapping):
        refused = _comment("Refused here: " + "; ".join(problems), indent=2)
        text = textwrap.indent(_items(mapping), "  # ", lambda _: True)
        return "\n".join(part for part in (comment, refused, text) if part)
    return "\n".join(part for part in (comment, _items(mapping)) if part)


def find_problems(mapping: Mapping[str, Json]) -> tuple[str, ...]:
    """Return why a mapping would be refused; empty if it is accepted."""
    try:
        compile_destination({"mappings": [dict(mapping)]})
    except ConfigError as error:
        return tuple(error.problems)
    return ()


def _items(*mappings: Mapping[str, Json]) -> str:
    return textwrap.indent(_dump([dict(mapping) for mapping in mappings]), "  ")


def _dump(value: Any) -> str:  # noqa: ANN401 - JSON of any shape
    text: str = yaml.dump(
        value,
        Dumper=_WithoutAnchors,
        sort_keys=False,
        allow_unicode=True,
        width=WIDTH,
    )
    return text.rstrip("\n")


class _WithoutAnchors(yaml.SafeDumper):
    """Writes a value that occurs twice as often as it occurs."""

    def ignore_aliases(self, _: Any) -> bool:  # noqa: ANN401 - JSON of any shape
        """Return True: people read this file."""
        return True


def _comment(text: str, *, indent: int = 0) -> str:
    prefix = " " * indent + "# "
    # A name may hold line breaks of YAML that `textwrap` does not know, such as U+0085.
    line = " ".join(text.split())
    lines: Iterable[str] = textwrap.wrap(line, WIDTH - len(prefix))
    return "\n".join(prefix + line for line in lines)
