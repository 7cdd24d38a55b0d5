"""Report of what behaves differently after a migration."""

from collections.abc import Iterator, Sequence
from importlib.resources import files
from typing import Final

import msgspec

from streams.destination.mapping_rules import ALIASES
from streams.migration.destination_file import find_problems
from streams.migration.export import ClassicSettings, Export

_EVERY_ACTION: Final = ("16", "17", "ids", "policy", "text", "person", "refused")
_OF_ACTION: Final = {
    "upsertProfile": ("21", "27", "28", "traits", "anonymous", "new phones"),
    "addProfileToList": ("4", "5", "14", "23"),
    "removeProfileFromList": ("1", "2", "23", "32", "35"),
    "removeProfile": ("1", "2", "20", "32", "35"),
    "trackEvent": ("18", "19", "address"),
    "orderCompleted": ("6", "7", "18"),
    "subscribeProfile": ("8", "9", "11", "12", "13"),
    "unsubscribeProfile": ("guard",),
    "deleteProfile": ("22",),
}
"""Rows of `streams/DEVIATIONS.md` that matter to a subscription, by its action."""


class BehaviourChange(msgspec.Struct, frozen=True, kw_only=True):
    """Behaviour that differs from Segment's.

    Attributes:
        subject: Setting or row of `streams/DEVIATIONS.md` it is about.
        before: Behaviour of Segment's destination.
        after: Behaviour of this project.
    """

    subject: str
    before: str
    after: str


def find_changes(export: Export) -> list[BehaviourChange]:
    """Return what behaves differently for the settings and actions of an export."""
    return [
        *(_classic_changes(export.classic) if export.classic else ()),
        *_refused_subscriptions(export),
        *_deviations(_actions_of(export)),
    ]


def _classic_changes(classic: ClassicSettings) -> Iterator[BehaviourChange]:
    if classic.enforce_email:
        yield BehaviourChange(
            subject="enforceEmail",
            before="the user id never reaches Klaviyo",
            after="the user id is the external id of the profile of the address",
        )
    if classic.send_anonymous:
        yield BehaviourChange(
            subject="sendAnonymousData",
            before="the anonymous id names a profile if there is no user id",
            after="the anonymous id stands on events only; it makes no second profile",
        )
    if classic.confirm_opt_in:
        yield BehaviourChange(
            subject="confirmOptin",
            before="the request asks for a confirmation mail",
            after="the opt-in process of the list decides: set it to double opt-in",
        )
    yield BehaviourChange(
        subject="audiences",
        before="an audience sets a property to true or false, and a list only grows",
        after="Audience Entered and Exited add to the list and take off",
    )
    for name in classic.unknown:
        yield BehaviourChange(
            subject=name,
            before="a setting of the classic destination",
            after="not known here, and left out",
        )


def _refused_subscriptions(export: Export) -> Iterator[BehaviourChange]:
    for subscription in export.subscriptions:
        named = {ALIASES.get(name, name): part for name, part in subscription.items()}
        wanted = ("action", "trigger", "mapping")
        mapping = {name: named[name] for name in wanted if name in named}
        for problem in find_problems(mapping):
            yield BehaviourChange(
                subject=str(named.get("name") or named.get("action")),
                before="accepted",
                after=f"refused, and a comment in the file: {problem}",
            )


def _actions_of(export: Export) -> list[str]:
    actions = [
        str(subscription.get(name))
        for subscription in export.subscriptions
        for name in ("partnerAction", "actionSlug", "action_slug")
        if name in subscription
    ]
    return list(dict.fromkeys(actions))


def _deviations(actions: Sequence[str]) -> Iterator[BehaviourChange]:
    rows = [row for action in actions for row in _OF_ACTION.get(action, ())]
    wanted = {*rows, *(_EVERY_ACTION if actions else ())}
    for subject, before, after in read_deviations():
        if subject in wanted:
            yield BehaviourChange(subject=subject, before=before, after=after)


def read_deviations() -> list[tuple[str, str, str]]:
    """Return subject, Segment's behaviour and ours of each row of DEVIATIONS.md."""
    text = (files("streams") / "DEVIATIONS.md").read_text(encoding="utf-8")
    rows = [line.split(" | ") for line in text.splitlines() if line.startswith("| ")]
    return [
        (cells[0].removeprefix("| ").strip(), cells[1], cells[2])
        for cells in rows
        if len(cells) >= 4 and cells[1] != "Segment"
    ]
