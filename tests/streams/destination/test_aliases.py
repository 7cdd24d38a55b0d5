"""Tests of alias calls: the change of an id, and the link of a previous id."""

from typing import Any

import pytest

from streams.actions.intents import (
    Consent,
    ConsentChange,
    Deletion,
    EventRecord,
    IdChange,
    Intent,
    ListRemove,
    identifying_attributes,
)
from streams.destination.aliases import link_user_key, name_linked_user
from streams.destination.decide import Decision, decide
from streams.destination.loader import compile_destination
from streams.events.canonical_event import CanonicalEvent, EventKind, Origin, Replay
from streams.events.canonical_event import ReplayMode as Mode
from streams.state.identity import Identity, KnownIdentifier, Link
from streams.state.user_state import EMPTY_STATE, UserState

ORIGIN = Origin(topic="source", partition=1, offset=7)
LINKING = compile_destination({"settings": {"identity": {"alias": "link"}}})
PRESETS = compile_destination(None)


def _event(
    kind: EventKind = "alias",
    *,
    user: str = "new",
    time_ms: int = 10,
    replay: Replay | None = None,
    **body: Any,  # noqa: ANN401 - JSON
) -> CanonicalEvent:
    return CanonicalEvent(
        kind=kind,
        user=user,
        message_id="m1",
        time_ms=time_ms,
        origin=ORIGIN,
        body={"type": kind, "userId": user, **body},
        replay=replay,
    )


def _decided(event: CanonicalEvent, state: UserState = EMPTY_STATE) -> Decision:
    return decide(event, state, destination=LINKING)


def _erased(time_ms: int) -> UserState:
    deletion = _event("delete", time_ms=time_ms)
    return decide(deletion, EMPTY_STATE, destination=PRESETS).state


def test_an_alias_changes_the_id_of_the_profile_and_links_the_previous_id() -> None:
    """The change names the user as completely as is safe."""
    email = KnownIdentifier(value="a@b.co", times_ms=(1,), identified=True)
    identity = Identity(external_id="new", emails=(email,))
    state = EMPTY_STATE.with_identity(identity)

    decision = _decided(_event(previousId=" old "), state)

    [activation] = decision.activations
    person = {"email": "a@b.co", "external_id": "new"}
    assert activation.intent == IdChange(profile=person, previous_id="old")
    assert decision.previous_id == "old"
    assert decision.state is state


@pytest.mark.parametrize(
    ("event", "state", "reason"),
    [
        pytest.param(_event(), EMPTY_STATE, "ignored: alias", id="no-previous-id"),
        pytest.param(
            _event(previousId="new"), EMPTY_STATE, "ignored: alias", id="the-same-id"
        ),
        pytest.param(
            _event(previousId="null"), EMPTY_STATE, "ignored: alias", id="a-junk-id"
        ),
        pytest.param(
            _event(user="n" * 256, previousId="old"),
            EMPTY_STATE,
            "ignored: alias",
            id="an-id-too-long-for-klaviyo",
        ),
        pytest.param(_event(previousId="old"), _erased(20), "stale", id="deleted"),
        pytest.param(
            _event(previousId="old", integrations={"All": False}),
            EMPTY_STATE,
            "opted-out: integrations",
            id="opted-out",
        ),
    ],
)
def test_an_alias_that_links_nothing_says_why(
    event: CanonicalEvent, state: UserState, reason: str
) -> None:
    """No profile changes, and no state of another user key."""
    decision = _decided(event, state)

    assert (decision.activations, decision.previous_id) == ((), "")
    assert decision.reason == reason


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        pytest.param("alias", "ignored: alias", id="alias"),
        pytest.param("group", "ignored: group", id="group"),
        pytest.param("page", "no-mapping", id="page"),
    ],
)
def test_calls_that_klaviyo_has_no_counterpart_of_are_ignored(
    kind: EventKind, reason: str
) -> None:
    """By default an alias links nothing."""
    decision = decide(
        _event(kind, previousId="old", groupId="g"), EMPTY_STATE, destination=PRESETS
    )

    assert (decision.activations, decision.reason) == ((), reason)
    assert decision.previous_id == ""


def test_a_previous_id_of_another_type_is_refused() -> None:
    """The dead letter names the field."""
    decision = _decided(_event(previousId=[1]))

    assert [refusal.code for refusal in decision.refusals] == ["bad-previous-id"]


def test_a_rebuild_restores_the_link_and_sends_nothing() -> None:
    """The link is state."""
    replay = Replay(id="r", mode=Mode.STATE_ONLY)

    decision = _decided(_event(previousId="old", replay=replay))

    assert (decision.activations, decision.previous_id) == ((), "old")


FIRST, SECOND = (Link(time_ms=10, user="new"), Link(time_ms=20, user="newer"))
LINKED = EMPTY_STATE.with_identity(Identity(link=FIRST))


@pytest.mark.parametrize(
    ("event", "state", "link"),
    [
        pytest.param(_event(), EMPTY_STATE, FIRST, id="first"),
        pytest.param(_event(), LINKED, FIRST, id="again"),
        pytest.param(_event(user="newer", time_ms=20), LINKED, SECOND, id="later"),
        pytest.param(_event(user="older", time_ms=5), LINKED, FIRST, id="late"),
        pytest.param(_event(user="a@b.co", time_ms=20), LINKED, FIRST, id="an-address"),
        pytest.param(_event(), _erased(15), None, id="deleted"),
    ],
)
def test_the_last_alias_of_a_previous_id_counts(
    event: CanonicalEvent, state: UserState, link: Link | None
) -> None:
    """The order is that of event times."""
    assert link_user_key(event, state).identity.link == link


@pytest.mark.parametrize(
    ("intent", "expected"),
    [
        pytest.param(
            EventRecord(metric="V", profile={"external_id": "old"}, properties={}),
            {"external_id": "new"},
            id="by-previous-id",
        ),
        pytest.param(
            EventRecord(metric="V", profile={"anonymous_id": "old"}, properties={}),
            {"anonymous_id": "old", "external_id": "new"},
            id="by-device",
        ),
        pytest.param(
            EventRecord(metric="V", profile={"email": "x@y.zz"}, properties={}),
            {"email": "x@y.zz"},
            id="by-address",
        ),
        pytest.param(
            ListRemove(list_id="L", identifiers={"external_id": "old"}),
            {"external_id": "new"},
            id="removal",
        ),
        pytest.param(
            Deletion(identifiers={"external_id": "old"}),
            {"external_id": "new"},
            id="deletion",
        ),
        pytest.param(
            ConsentChange(
                consent=Consent.UNSUBSCRIBED,
                profile={"email": "x@y.zz"},
                channels=("email.marketing",),
            ),
            {"email": "x@y.zz"},
            id="consent",
        ),
    ],
)
def test_intents_of_a_linked_user_key_name_the_user(
    intent: Intent, expected: dict[str, str]
) -> None:
    """A stronger identifier than a device stays as it is."""
    linked = name_linked_user(intent, user="old", link=FIRST)

    assert identifying_attributes(linked) == expected


def test_a_deletion_removes_the_link_but_names_the_user() -> None:
    """The profile of the previous id has the user's id by now."""
    deletion = _event("delete", user="old", time_ms=30)

    decision = _decided(deletion, LINKED)

    [activation] = decision.activations
    assert activation.intent == Deletion(identifiers={"external_id": "new"})
    assert decision.state.identity.link is None
