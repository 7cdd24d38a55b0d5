"""Tests of a compiled destination: matching mappings and mapping results."""

from dataclasses import replace

import pytest

from streams.actions.intents import PayloadRefusal
from streams.destination.loader import read_destination, standalone_rule
from streams.destination.model import Destination
from streams.mapping import UNDEFINED, Unmappable


def test_the_mappings_that_take_an_event_are_named_in_the_files_order() -> None:
    """The results of the mappings make no difference."""
    destination = read_destination("")

    matching = destination.rules_by_name.matching(
        {"type": "track", "event": "User Subscribed"}
    )

    assert [rule.name for rule in matching] == ["Track Event", "Subscribe Profile"]


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        pytest.param(Unmappable(reason="too deep"), "too deep", id="unmappable"),
        pytest.param(UNDEFINED, "the mapping does not make an object", id="nothing"),
        pytest.param([1], "the mapping does not make an object", id="array"),
    ],
)
def test_an_event_that_can_not_be_mapped_is_refused(
    answer: object, reason: str
) -> None:
    """The refusal has the mapping's reason, and no payload."""
    rule = replace(standalone_rule("trackEvent"), build_payload=lambda _: answer)

    (activated,) = Destination(mappings=(rule,)).map_event({"type": "track"})

    assert activated.payload == {}
    assert activated.result == PayloadRefusal(code="unmappable", reason=reason)


def test_each_metric_is_listed_with_all_mappings_that_name_it() -> None:
    """Mappings may share a name; metrics from the event are not listed."""
    destination = read_destination(
        """
        - {action: trackEvent, fields: {metric_name: Viewed}}
        - {action: trackEvent, fields: {metric_name: Bought}}
        - {name: Views, action: trackEvent, fields: {metric_name: Viewed}}
        - {action: trackEvent, fields: {metric_name: {'@template': '{{event}}'}}}
        - {action: orderCompleted, fields: {event_name: Bought}}
        """
    )

    assert destination.metrics == {
        "Viewed": ("Track Event", "Views"),
        "Bought": ("Track Event", "Order Completed"),
        "Ordered Product": ("Order Completed",),
    }
