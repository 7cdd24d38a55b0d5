"""Tests of the audience events that an event contains."""

from typing import Any

import pytest

from streams.audiences.audience_events import AudienceEvent, audience_events_in
from streams.events.canonical_event import CanonicalEvent, EventKind, Origin

ORIGIN = Origin(topic="segment-events", partition=0, offset=0)
SETTINGS = {"audience_settings": {"listId": "CHOSEN"}}
FLAG = {"computation_class": "audience", "computation_key": "vip"}


def moves(kind: EventKind, **body: Any) -> tuple[AudienceEvent, ...]:  # noqa: ANN401 - JSON
    """Return the audience events of an event."""
    event = CanonicalEvent(
        kind=kind, user="u", message_id="m", time_ms=0, origin=ORIGIN, body=body
    )
    return audience_events_in(event)


@pytest.mark.parametrize(
    ("event", "entered"),
    [
        pytest.param("Audience Entered", True, id="entered"),
        pytest.param("Audience Exited", False, id="exited"),
    ],
)
def test_a_track_call_has_an_audience_event(event: str, *, entered: bool) -> None:
    """The two track calls of Segment are matched by their exact names."""
    said = moves("track", event=event, properties={"audience_key": "vip"})

    assert said == (AudienceEvent(audience="vip", entered=entered),)


@pytest.mark.parametrize(
    ("properties", "personas", "audience"),
    [
        pytest.param({"audience_key": "vip"}, {}, "vip", id="properties"),
        pytest.param({}, {"computation_key": "k"}, "k", id="personas-when-alone"),
        pytest.param(
            {"audience_key": "vip"},
            {"computation_key": "k"},
            "vip",
            id="properties-first",
        ),
        pytest.param(
            {"audience_key": "vip"},
            {"computation_class": "journey_step"},
            "vip",
            id="whatever-the-class",
        ),
    ],
)
def test_the_audience_of_a_track_call(
    properties: dict[str, Any], personas: dict[str, Any], audience: str
) -> None:
    """The key is in the properties, else at Segment Engage's path."""
    (move,) = moves(
        "track",
        event="Audience Entered",
        properties=properties,
        context={"personas": personas},
    )

    assert move.audience == audience


@pytest.mark.parametrize(
    ("personas", "list_id"),
    [
        pytest.param({}, "", id="none"),
        pytest.param({"external_audience_id": "MADE"}, "MADE", id="made-for-it"),
        pytest.param(SETTINGS, "CHOSEN", id="chosen"),
        pytest.param(
            SETTINGS | {"external_audience_id": "MADE"}, "CHOSEN", id="chosen-first"
        ),
        pytest.param(
            {"audience_settings": {"listId": ""}, "external_audience_id": "MADE"},
            "MADE",
            id="empty-is-absent",
        ),
        pytest.param({"external_audience_id": 12}, "12", id="a-number"),
        pytest.param({"external_audience_id": None}, "", id="null"),
        pytest.param({"audience_settings": []}, "", id="php-empty-settings"),
    ],
)
@pytest.mark.parametrize("kind", ["track", "identify"])
def test_the_list_an_event_names(
    kind: EventKind, personas: dict[str, Any], list_id: str
) -> None:
    """A list that a person chose comes before the list made for the audience."""
    (move,) = moves(
        kind,
        event="Audience Exited",
        traits={"vip": False},
        context={"personas": FLAG | personas},
    )

    assert move == AudienceEvent(audience="vip", entered=False, list_id=list_id)


@pytest.mark.parametrize(
    ("personas", "traits", "entered"),
    [
        pytest.param(FLAG, {"vip": True}, [True], id="in"),
        pytest.param(FLAG, {"vip": False}, [False], id="out"),
        pytest.param({"computation_key": "vip"}, {"vip": True}, [True], id="no-class"),
        pytest.param(
            FLAG | {"computation_class": "journey_step"},
            {"vip": True},
            [True],
            id="journey-step",
        ),
        pytest.param(FLAG, {"other": True}, [], id="trait-absent"),
        pytest.param({}, {"vip": True}, [], id="no-personas"),
        pytest.param({"computation_key": ""}, {"": True}, [], id="empty-key"),
        pytest.param(
            FLAG | {"computation_class": "computed_trait"},
            {"vip": True},
            [],
            id="computed-trait",
        ),
        pytest.param(
            {"computation_key": "vip"}, {"vip": "gold"}, [], id="no-class-text"
        ),
    ],
)
def test_an_identify_call_has_an_audience_event_by_its_flag(
    personas: dict[str, Any], traits: dict[str, Any], entered: list[bool]
) -> None:
    """Only the trait that `computation_key` names is an audience's."""
    said = moves("identify", traits=traits, context={"personas": personas})

    assert [move.entered for move in said] == entered


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        pytest.param("track", {"event": "Order Completed"}, id="another-event"),
        pytest.param("track", {"event": "audience entered"}, id="another-case"),
        pytest.param("identify", {"traits": {"vip": True}}, id="identify-alone"),
        pytest.param(
            "group",
            {"traits": {"vip": True}, "context": {"personas": FLAG}},
            id="the-flag-of-a-group",
        ),
    ],
)
def test_other_events_have_no_audience_event(
    kind: EventKind, body: dict[str, Any]
) -> None:
    """Most events are of no audience."""
    assert moves(kind, **body) == ()
