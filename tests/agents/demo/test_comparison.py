"""Tests of the comparison, and of its verdicts."""

from collections.abc import Sequence
from typing import Any

import pytest

from agents.demo.comparison import (
    ComparisonRow,
    compare_consents,
    compare_events,
    compare_profiles,
)
from agents.demo.expected import ExpectedState
from agents.demo.workload.sample_event import ExpectedEvent

PROFILES: list[dict[str, Any]] = [
    {"id": "P1", "external_id": "u1", "email": "a@x"},
    {"id": "P2", "external_id": None, "email": "b@x"},
]
NOTHING = ExpectedState(members={}, transitions=0)


def _check(expected: dict[str, int], *held: tuple[str, int]) -> ComparisonRow:
    return ComparisonRow(kind="event", name="vip", expected=expected, actual=held)


@pytest.mark.parametrize(
    ("held", "missing", "extra", "wrong", "verdict"),
    [
        pytest.param([("a", 1), ("b", 2)], 0, 0, 0, "equal", id="the-same"),
        pytest.param([("a", 1)], 1, 0, 0, "DIFFERENT", id="one-missing"),
        pytest.param(
            [("a", 1), ("b", 2), ("c", 3)],
            0,
            1,
            0,
            "DIFFERENT",
            id="one-nobody-expects",
        ),
        pytest.param(
            [("a", 1), ("b", 2), ("b", 2)], 0, 1, 0, "DIFFERENT", id="one-twice"
        ),
        pytest.param(
            [("a", 1), ("b", 9)], 0, 0, 1, "DIFFERENT", id="one-says-something-else"
        ),
        pytest.param(
            [("a", 1), ("c", 2)], 1, 1, 0, "DIFFERENT", id="one-instead-of-another"
        ),
        pytest.param(
            [("a", 1), ("b", 2), ("b", 9)], 0, 1, 1, "DIFFERENT", id="twice-and-wrong"
        ),
    ],
)
def test_a_check_counts_what_is_missing_extra_and_wrong(
    held: Sequence[tuple[str, int]], missing: int, extra: int, wrong: int, verdict: str
) -> None:
    """The columns of the table, and its verdict."""
    check = _check({"a": 1, "b": 2}, *held)

    assert (check.missing, check.unexpected, check.wrong) == (missing, extra, wrong)
    assert check.verdict == verdict


def test_a_profile_is_all_that_is_set_of_it_but_who_it_is() -> None:
    """Attributes, location and custom properties; null is not set."""
    profile = {
        **PROFILES[0],
        "phone_number": "+1",
        "anonymous_id": None,
        "lists": ["L"],
        "first_name": "A",
        "title": None,
        "location": {"city": "Y"},
        "properties": {"plan": "gold"},
    }

    check = compare_profiles(NOTHING, [profile, PROFILES[1]])

    assert check.actual == [
        ("a@x", {"first_name": "A", "location.city": "Y", "properties.plan": "gold"})
    ]


def test_an_event_is_its_users_by_external_id() -> None:
    """An event of a second profile of the same person is not theirs."""
    recorded = ExpectedEvent(metric="Viewed", unique_id="m1", time_s=7, properties={})
    expected = ExpectedState(
        members={}, transitions=0, events={("u1", "Viewed", "m1"): recorded}
    )
    event = {
        "metric": "Viewed",
        "unique_id": "m1",
        "time_s": 7,
        "properties": {},
        "value": None,
        "value_currency": None,
    }

    [right] = compare_events(expected, [{**event, "profile_id": "P1"}], PROFILES)
    [split] = compare_events(expected, [{**event, "profile_id": "P2"}], PROFILES)

    assert right.verdict == "equal"
    assert (split.missing, split.unexpected) == (1, 1)


def test_what_only_klaviyo_has_is_a_check_of_its_own() -> None:
    """A metric and a channel that no event speaks of are not wanted."""
    event = {
        "metric": "Odd",
        "unique_id": "m1",
        "time_s": 7,
        "properties": {},
        "value": 1,
        "value_currency": None,
        "profile_id": "P1",
    }
    consent = {"profile_id": "P1", "consents": {"push/marketing": {"status": "S"}}}

    checks = [
        *compare_events(NOTHING, [event], PROFILES),
        *compare_consents(NOTHING, [consent], PROFILES),
    ]

    assert [(check.name, check.verdict) for check in checks] == [
        ("Odd", "UNEXPECTED"),
        ("push/marketing", "UNEXPECTED"),
    ]
