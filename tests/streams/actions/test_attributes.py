"""Tests that each attribute ends as the last event by event time says."""

from itertools import permutations
from typing import Any

import pytest

from streams.actions.attributes import ATTRIBUTE_SETS_MAX
from streams.actions.commands import apply_command
from streams.actions.intents import EventRecord, ListAdd, ListRemove, ProfileUpsert
from streams.events.canonical_event import CanonicalEvent, Origin, Replay, ReplayMode
from streams.state.user_state import EMPTY_STATE, UserState

WHO = {"external_id": "u-1"}


def event(at: int, *, mode: ReplayMode | None = None) -> CanonicalEvent:
    """Build an event at a time, optionally replayed in a mode."""
    return CanonicalEvent(
        kind="identify",
        user="u-1",
        message_id=f"m-{at}",
        time_ms=at,
        origin=Origin(topic="s", partition=0, offset=at),
        body={},
        replay=Replay(id="r", mode=mode) if mode else None,
    )


def upsert(**profile: object) -> ProfileUpsert:
    """Build an update of the user's profile."""
    return ProfileUpsert(profile=WHO | profile)


def sent(
    state: UserState, intent: ProfileUpsert, at: int, *, mode: ReplayMode | None = None
) -> tuple[dict[str, Any] | None, UserState]:
    """Return the profile that is sent, or None, and the state afterwards."""
    result = apply_command(intent, state, event=event(at, mode=mode))
    if result.intent is None:
        return None, result.state
    assert isinstance(result.intent, ProfileUpsert)
    return result.intent.profile, result.state


UPSERTS = {
    1: upsert(first_name="A", properties={"plan": "free", "size": 1}),
    2: upsert(first_name="B", location={"city": "Rome"}),
    3: upsert(properties={"plan": "gold"}),
}


def _flat(profile: dict[str, Any]) -> dict[str, Any]:
    nested = [n for n in ("properties", "location") if n in profile]
    flat = {f"{n}.{k}": v for n in nested for k, v in profile[n].items()}
    return {k: v for k, v in profile.items() if k not in nested} | flat


@pytest.mark.parametrize("order", list(permutations(UPSERTS)), ids=str)
def test_the_order_of_arrival_makes_no_difference(order: tuple[int, ...]) -> None:
    """Klaviyo keeps the last arrival, and still ends as the event times say."""
    state = EMPTY_STATE
    klaviyo: dict[str, Any] = {}

    for at in order:
        profile, state = sent(state, UPSERTS[at], at)
        klaviyo |= _flat(profile or {})

    assert klaviyo == WHO | {
        "first_name": "B",
        "location.city": "Rome",
        "properties.plan": "gold",
        "properties.size": 1,
    }


def test_what_is_late_altogether_is_stale() -> None:
    """An update with stale attributes only is not sent."""
    _, state = sent(EMPTY_STATE, upsert(first_name="B"), 2)

    result = apply_command(upsert(first_name="A"), state, event=event(1))

    assert (result.intent, result.state, result.reason) == (None, state, "stale")


def test_an_old_address_does_not_come_back() -> None:
    """An e-mail address is an attribute of a profile with a user id."""
    _, state = sent(EMPTY_STATE, upsert(email="new@example.com"), 2)

    profile, _ = sent(state, upsert(email="old@example.com", first_name="A"), 1)

    assert profile == WHO | {"first_name": "A"}


def test_an_address_that_says_who_it_is_stays() -> None:
    """An e-mail address identifies a profile without a user id."""
    earlier = ProfileUpsert(profile={"email": "a@example.com", "first_name": "A"})
    _, state = sent(EMPTY_STATE, earlier, 2)

    later = ProfileUpsert(profile={"email": "a@example.com", "last_name": "L"})
    profile, _ = sent(state, later, 1)

    assert profile == later.profile


@pytest.mark.parametrize("mode", [ReplayMode.CHANGES_ONLY, ReplayMode.RESEND])
def test_a_corrected_mapping_may_change_the_last_write(mode: ReplayMode) -> None:
    """The attributes of a corrected mapping are sent for the same event."""
    _, state = sent(EMPTY_STATE, upsert(first_name="wrong"), 1)

    profile, _ = sent(state, upsert(first_name="right"), 1, mode=mode)

    assert profile == WHO | {"first_name": "right"}


def test_a_replay_adds_to_an_array_once() -> None:
    """A replay repeats no addition; a requeued dead letter was never sent."""
    intent = ProfileUpsert(profile=dict(WHO), append={"seen": "G-32"})
    state = apply_command(intent, EMPTY_STATE, event=event(1)).state

    replayed = apply_command(
        intent, state, event=event(1, mode=ReplayMode.CHANGES_ONLY)
    ).intent
    requeued = apply_command(
        intent, state, event=event(1, mode=ReplayMode.RESEND)
    ).intent

    assert replayed is None
    assert requeued == intent


def test_an_unset_that_is_late_does_not_take_what_was_set_since() -> None:
    """The removal of a property is a write, too."""
    _, state = sent(EMPTY_STATE, upsert(properties={"plan": "gold"}), 2)
    late = ProfileUpsert(profile=dict(WHO), unset=("plan", "size"))

    result = apply_command(late, state, event=event(1)).intent

    assert isinstance(result, ProfileUpsert)
    assert result.unset == ("size",)


def test_a_list_add_keeps_who_and_loses_what_is_late() -> None:
    """The person goes on the list all the same."""
    _, state = sent(EMPTY_STATE, upsert(first_name="B"), 2)
    add = ListAdd(list_id="L", profile=WHO | {"first_name": "A"})

    result = apply_command(add, state, event=event(1)).intent

    assert result == ListAdd(list_id="L", profile=dict(WHO))


def test_an_event_of_a_known_person_does_not_write_the_row() -> None:
    """Track events are many."""
    record = EventRecord(
        metric="M", profile=WHO | {"email": "a@example.com"}, properties={}
    )
    state = EMPTY_STATE

    assert apply_command(record, state, event=event(1)).state is state


def test_a_row_does_not_grow_without_end_and_nothing_old_comes_back() -> None:
    """The oldest attribute sets are merged."""
    state = EMPTY_STATE
    for at in range(1, 3 * ATTRIBUTE_SETS_MAX):
        _, state = sent(state, upsert(properties={f"p{at}": 1}), at)

    late, _ = sent(state, upsert(properties={"p1": 0}), 0)

    assert len(state.attributes) == ATTRIBUTE_SETS_MAX
    assert late is None


def test_attributes_beyond_any_name_are_forgotten() -> None:
    """Long names keep a state far below the limit of the topic."""
    state = EMPTY_STATE

    for at in range(3 * ATTRIBUTE_SETS_MAX):
        _, state = sent(state, upsert(properties={f"{at}{'p' * 2_000}": 1}), at)

    assert len(state.attributes) == ATTRIBUTE_SETS_MAX


def test_attributes_of_a_list_add_that_is_late_are_not_taken_for_sent() -> None:
    """The attributes of an older event are the last that Klaviyo gets."""
    removal = ListRemove(list_id="L", identifiers=WHO)
    state = apply_command(removal, EMPTY_STATE, event=event(3)).state
    add = ListAdd(list_id="L", profile=WHO | {"first_name": "B"})
    state = apply_command(add, state, event=event(2)).state

    profile, _ = sent(state, upsert(first_name="A"), 1)

    assert profile == WHO | {"first_name": "A"}
