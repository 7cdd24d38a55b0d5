"""What one event makes of a row, and what is to be done for it."""

from collections.abc import Mapping
from typing import Any

import pytest

from streams.actions.activation import LANE_OF, Action, Activation, Lane
from streams.actions.decide import Decision, decide
from streams.audiences.membership import Membership
from streams.audiences.row import Memberships
from streams.errors import PoisonRecord
from streams.events.model import CanonicalEvent, Kind
from streams.events.origin import Origin

ORIGIN = Origin(topic="source", partition=1, offset=7)
ADD, REMOVE = Action.ADD_PROFILE_TO_LIST, Action.REMOVE_PROFILE_FROM_LIST


def _event(kind: Kind = "track", *, time_ms: int = 10, **body: Any) -> CanonicalEvent:  # noqa: ANN401 - JSON
    return CanonicalEvent(
        kind=kind,
        user="u1",
        message_id="m1",
        time_ms=time_ms,
        origin=ORIGIN,
        body={"userId": "u1", **body},
    )


def _entered(audience: str = "vip", *, list_id: str = "") -> CanonicalEvent:
    personas = {"audience_settings": {"listId": list_id}} if list_id else {}
    return _event(
        event="Audience Entered",
        properties={"audience_key": audience},
        context={"traits": {"email": "a@b.co"}, "personas": personas},
    )


def _decided(
    event: CanonicalEvent,
    row: Memberships | None = None,
    *,
    list_ids: Mapping[str, str] | None = None,
) -> Decision:
    return decide(event, {} if row is None else row, list_ids=list_ids or {})


def _member(*, inside: bool, time_ms: int) -> Memberships:
    origin = Origin(topic="source", partition=1, offset=1)
    return {"vip": Membership(inside=inside, time_ms=time_ms, origin=origin)}


def test_an_enter_becomes_an_add_with_identifiers_only() -> None:
    """Whom it is about, which audience, when, and the record that caused it."""
    decision = _decided(_entered())

    assert decision.activations == (
        Activation(
            action=ADD,
            user="u1",
            profile={"external_id": "u1", "email": "a@b.co"},
            time_ms=10,
            origin=ORIGIN,
            audience="vip",
        ),
    )
    assert decision.memberships["vip"].inside
    assert decision.reason == ""


def test_an_exit_becomes_a_removal() -> None:
    """Of the same list."""
    event = _event(event="Audience Exited", properties={"audience_key": "vip"})

    [activation] = _decided(event, _member(inside=True, time_ms=5)).activations

    assert (activation.action, activation.audience) == (REMOVE, "vip")


@pytest.mark.parametrize(
    ("in_event", "in_settings", "list_id"),
    [
        pytest.param("", "", "", id="nobody-the-audience-s-own"),
        pytest.param("", "S", "S", id="the-settings"),
        pytest.param("E", "", "E", id="the-event"),
        pytest.param("E", "S", "E", id="both-the-event-wins"),
    ],
)
def test_who_names_the_list(in_event: str, in_settings: str, list_id: str) -> None:
    """An event's word is nearer than the settings'."""
    named = {"vip": in_settings} if in_settings else {}

    [activation] = _decided(_entered(list_id=in_event), list_ids=named).activations

    assert activation.list_id == list_id


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        pytest.param(_member(inside=True, time_ms=5), "unchanged", id="already-inside"),
        pytest.param(_member(inside=False, time_ms=50), "stale", id="older-than-known"),
    ],
)
def test_what_changes_nothing_does_nothing_and_says_why(
    row: Memberships, reason: str
) -> None:
    """Its reason becomes the outcome of the record."""
    decision = _decided(_entered(), row)

    assert decision.activations == ()
    assert decision.reason == reason


def test_a_stale_event_leaves_the_very_same_row() -> None:
    """So that no changelog record is written for it."""
    row = _member(inside=False, time_ms=50)

    assert _decided(_entered(), row).memberships is row


def test_the_row_given_is_never_changed() -> None:
    """A decision that is thrown away has no trace."""
    row = _member(inside=False, time_ms=5)

    decision = _decided(_entered(), row)

    assert decision.memberships["vip"].inside
    assert row == _member(inside=False, time_ms=5)


def test_an_audience_beside_others_moves_alone() -> None:
    """A user's row holds them all."""
    decision = _decided(_entered("new"), _member(inside=True, time_ms=5))

    assert {*decision.memberships} == {"vip", "new"}
    assert decision.memberships["vip"].time_ms == 5


def test_an_identify_sets_the_profile() -> None:
    """All its traits, not only the identifiers."""
    event = _event("identify", traits={"email": "a@b.co", "firstName": "Ann"})

    [activation] = _decided(event).activations

    assert activation.action is Action.UPSERT_PROFILE
    assert activation.profile["first_name"] == "Ann"
    assert (activation.audience, activation.list_id) == ("", "")


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        pytest.param(_event(event="Product Viewed"), "no-mapping", id="another-track"),
        pytest.param(_event("page", name="Home"), "no-mapping", id="a-page"),
        pytest.param(
            _event("identify", userId="", anonymousId="anon"),
            "no-identifier",
            id="an-identify-of-nobody-klaviyo-knows",
        ),
    ],
)
def test_an_event_without_anything_to_do_says_so(
    event: CanonicalEvent, reason: str
) -> None:
    """Every record has an outcome, those too."""
    decision = _decided(event)

    assert (decision.activations, decision.reason) == ((), reason)


def test_an_edge_of_nobody_klaviyo_knows_is_poison() -> None:
    """A person must look: the audience asks for something that cannot be done."""
    event = _event(
        userId="",
        anonymousId="anon",
        event="Audience Entered",
        properties={"audience_key": "vip"},
    )

    with pytest.raises(PoisonRecord, match="no-identifier"):
        _decided(event)


def test_every_action_has_a_lane() -> None:
    """And adds share it with removals."""
    assert {*LANE_OF} == {*Action}
    assert LANE_OF[ADD] == LANE_OF[REMOVE] == Lane.LISTS
