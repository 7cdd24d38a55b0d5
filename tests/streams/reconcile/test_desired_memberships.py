"""Desired members of each list, derived from the memberships table."""

from streams.actions.commands import apply_command
from streams.actions.intents import ListAdd, ListRemove
from streams.audiences.list_mapping import ListMapping, encode_json
from streams.destination.model import AudienceRule, Destination
from streams.events.canonical_event import CanonicalEvent, Origin
from streams.reconcile.desired_memberships import (
    DesiredByUser,
    ListIndex,
    ReconcileTarget,
    filter_by_audience,
)
from streams.state.entries import LastWrite
from streams.state.user_entries import Memberships, UserEntries
from streams.state.user_state import UserState
from tests.streams.actions.command_harness import consent, event_at

LIST_MAPPINGS = {b"vip": encode_json(ListMapping(list_id="L1"))}


def last_write(
    *, inside: bool = True, time_ms: int = 1, list_id: str = "", offset: int = 0
) -> LastWrite:
    """Build the last write of a membership."""
    return LastWrite(
        inside=inside,
        time_ms=time_ms,
        origin=Origin(topic="s", partition=0, offset=offset),
        list_id=list_id,
    )


def entries(memberships: Memberships) -> UserEntries:
    """Return a row with these memberships."""
    return UserEntries(memberships=memberships)


def desired_by_list(
    users: dict[str, UserEntries], **rules: AudienceRule
) -> dict[str, dict[str, tuple[str, str, bool]]]:
    """Return list → user → audience, explicit list, and True for inside."""
    destination = Destination(mappings=(), audiences=rules)
    desired = ListIndex(destination, LIST_MAPPINGS).build_desired(users)
    return {
        target.list_id: {
            membership.user: (
                membership.audience,
                membership.explicit_list_id,
                membership.inside,
            )
            for membership in by_user.values()
        }
        for target, by_user in desired.items()
    }


def test_list_precedence_is_event_then_settings_then_mapping() -> None:
    """The membership keeps the explicit list, so that the lane uses the same list."""
    users = {
        "event": entries({"vip": last_write(list_id="L9")}),
        "paired": entries({"vip": last_write()}),
        "settings": entries({"chosen": last_write()}),
        "both": entries({"chosen": last_write(list_id="L8")}),
        "none": entries({"new": last_write()}),
    }

    assert desired_by_list(users, chosen=AudienceRule(list_id="L2")) == {
        "L9": {"event": ("vip", "L9", True)},
        "L1": {"paired": ("vip", "", True)},
        "L2": {"settings": ("chosen", "L2", True)},
        "L8": {"both": ("chosen", "L8", True)},
        "": {"none": ("new", "", True)},
    }


def test_the_last_write_of_two_audiences_on_one_list_counts() -> None:
    """An exit from one audience undoes the entry of the other, as for live events."""
    rules = {name: AudienceRule(list_id="L2") for name in ("a", "b")}
    users = {
        "in": entries(
            {"a": last_write(inside=False, time_ms=1), "b": last_write(time_ms=2)}
        ),
        "out": entries(
            {"a": last_write(inside=False, time_ms=2), "b": last_write(time_ms=1)}
        ),
    }

    assert desired_by_list(users, **rules) == {
        "L2": {"in": ("b", "L2", True), "out": ("a", "L2", False)}
    }


def test_audiences_without_a_list_stay_separate() -> None:
    """Each audience gets a list of its own, so a user can be on two."""
    users = {
        "u": entries(
            {
                "a": last_write(time_ms=1),
                "b": last_write(time_ms=2),
                "c": last_write(inside=False, time_ms=3),
            }
        ),
        "v": entries({"a": last_write(time_ms=1)}),
    }

    desired = ListIndex(Destination(mappings=()), {}).build_desired(users)

    assert {target: set(by_user) for target, by_user in desired.items()} == {
        ReconcileTarget(audience="a"): {"u", "v"},
        ReconcileTarget(audience="b"): {"u"},
        ReconcileTarget(audience="c"): {"u"},
    }


def test_no_membership_is_desired_with_audience_sync_off() -> None:
    """The users in the table are from before the sync was turned off."""
    destination = Destination(mappings=(), sync_audiences=False)

    assert (
        ListIndex(destination, LIST_MAPPINGS).build_desired(
            {"u": entries({"vip": last_write()})}
        )
        == {}
    )


def test_an_audience_that_is_not_synced_has_no_membership() -> None:
    """An audience that is not enabled sends no change to Klaviyo."""
    assert (
        desired_by_list(
            {"u": entries({"vip": last_write()})}, vip=AudienceRule(enabled=False)
        )
        == {}
    )


def _entries_after_commands(
    before: UserEntries, *, time_ms: int, list_id: str
) -> UserEntries:
    event = CanonicalEvent(
        kind="track",
        user="u",
        message_id="",
        time_ms=time_ms,
        origin=Origin(topic="s", partition=0, offset=99),
        body={},
    )
    add = ListAdd(list_id=list_id, profile={"external_id": "u", "email": "u@x.io"})
    removal = ListRemove(list_id=list_id, identifiers={"email": "u@x.io"})
    added = apply_command(add, UserState(stored=before), event=event).state
    after = apply_command(removal, added, event=event).state
    return UserEntries(memberships=after.memberships, commands=after.commands)


def test_a_later_command_overrides_the_audience() -> None:
    """A command for another list or an earlier command changes nothing."""
    users = {
        "later": _entries_after_commands(
            entries({"vip": last_write(inside=False, time_ms=5)}),
            time_ms=6,
            list_id="L1",
        ),
        "earlier": _entries_after_commands(
            entries({"vip": last_write(inside=False, time_ms=5)}),
            time_ms=4,
            list_id="L1",
        ),
        "other": _entries_after_commands(
            entries({"vip": last_write(inside=False, time_ms=5)}),
            time_ms=6,
            list_id="L11",
        ),
    }

    assert desired_by_list(users).get("L1", {}).keys() == {"earlier", "other"}


def _entries_after_consent(
    time_ms: int, *, is_granted: bool, list_id: str
) -> UserEntries:
    change = consent(given=is_granted, list_id=list_id)
    before = UserState(stored=entries({"vip": last_write(time_ms=5)}))
    after = apply_command(change, before, event=event_at(time_ms)).state
    return UserEntries(memberships=after.memberships, commands=after.commands)


def test_a_later_consent_overrides_the_audience() -> None:
    """No repair undoes a later unsubscribe or subscribe on the list."""
    users = {
        "left": _entries_after_consent(6, is_granted=False, list_id="L1"),
        "left-all": _entries_after_consent(6, is_granted=False, list_id=""),
        "joined": _entries_after_consent(6, is_granted=True, list_id="L1"),
        "joined-no-list": _entries_after_consent(6, is_granted=True, list_id=""),
        "earlier": _entries_after_consent(4, is_granted=False, list_id="L1"),
    }

    assert desired_by_list(users).get("L1", {}).keys() == {"joined-no-list", "earlier"}


def test_desired_memberships_filtered_by_audience() -> None:
    """All memberships stay if no audience is given."""
    rules = {name: AudienceRule(list_id="L2") for name in ("a", "b")}
    users = {"u": entries({"a": last_write()}), "v": entries({"b": last_write()})}
    list_index = ListIndex(Destination(mappings=(), audiences=rules), {})
    desired = list_index.build_desired(users)[ReconcileTarget(list_id="L2")]

    def keep_audiences(*audiences: str) -> DesiredByUser:
        return filter_by_audience(desired, audiences)

    assert [
        keep_audiences().keys(),
        keep_audiences("a").keys(),
        keep_audiences("c").keys(),
    ] == [
        {"u", "v"},
        {"u"},
        set(),
    ]
