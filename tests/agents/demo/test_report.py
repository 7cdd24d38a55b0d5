"""The demo's comparison: it passes when all is equal, and only then."""

from collections import Counter
from dataclasses import replace
from typing import Any

import pytest

from agents.demo.expected import ExpectedState
from agents.demo.kafka_traffic import OutcomeCounts
from agents.demo.report import DemoReport, SandboxSnapshot, build_report
from agents.demo.workload.sample_event import ExpectedEvent

TRUTH = ExpectedState(
    members={"vip": frozenset({"a@x", "b@x"}), "gone": frozenset()},
    transitions=6,
    attributes={"a@x": {"first_name": "A", "properties.plan": "gold"}},
    events={
        ("u1", "Order Completed", "m1"): ExpectedEvent(
            metric="Order Completed",
            unique_id="m1",
            time_s=100,
            properties={"order_id": "o1"},
            value=12.5,
            currency="EUR",
        ),
        ("u2", "Viewed", "m2"): ExpectedEvent(
            metric="Viewed", unique_id="m2", time_s=101, properties={}
        ),
    },
    consents={
        ("u1", "email/marketing"): "SUBSCRIBED",
        ("u2", "email/marketing"): "UNSUBSCRIBED",
        ("u1", "sms/marketing"): "SUBSCRIBED",
    },
)
ANNA: dict[str, Any] = {
    "id": "P1",
    "external_id": "u1",
    "email": "a@x",
    "first_name": "A",
    "properties": {"plan": "gold"},
}
BERT: dict[str, Any] = {"id": "P2", "external_id": "u2", "email": "b@x"}
ORDER: dict[str, Any] = {
    "profile_id": "P1",
    "metric": "Order Completed",
    "unique_id": "m1",
    "time_s": 100,
    "properties": {"order_id": "o1"},
    "value": 12.5,
    "value_currency": "EUR",
}
VIEW: dict[str, Any] = {
    "profile_id": "P2",
    "metric": "Viewed",
    "unique_id": "m2",
    "time_s": 101,
    "properties": {},
    "value": None,
    "value_currency": None,
}
OUTCOMES: OutcomeCounts = Counter(
    {
        ("deliver.lists", "addProfileToList", "delivered", ""): 2,
        ("deliver.lists", "removeProfileFromList", "delivered", ""): 1,
        ("deliver.lists", "", "discarded", "superseded"): 1,
        ("deliver.lists", "addProfileToList", "discarded", "superseded"): 1,
        ("deliver.lists", "removeProfileFromList", "discarded", "no-such-profile"): 1,
        ("deliver.profiles", "upsertProfile", "delivered", ""): 9,
        ("activate", "", "discarded", "duplicate"): 9,
    }
)


def _list(name: str, *emails: str) -> dict[str, Any]:
    return {"name": name, "members": [{"email": email} for email in emails]}


def _consent(profile_id: str, **said: str) -> dict[str, Any]:
    consents = {f"{name}/marketing": {"status": one} for name, one in said.items()}
    return {"profile_id": profile_id, "consents": consents}


VIP = _list("vip", "a@x", "b@x")
ANNAS = _consent("P1", email="SUBSCRIBED", sms="SUBSCRIBED")
BERTS = _consent("P2", email="UNSUBSCRIBED")
HELD = SandboxSnapshot(
    lists=[VIP], profiles=[ANNA, BERT], events=[ORDER, VIEW], consents=[ANNAS, BERTS]
)


def _differing(judgement: DemoReport) -> dict[str, str]:
    return {one.name: one.verdict for one in judgement.rows if one.verdict != "equal"}


@pytest.mark.parametrize(
    "lists",
    [
        pytest.param([VIP, _list("gone")], id="every-list-there"),
        pytest.param([VIP], id="no-list-for-an-audience-nobody-is-in"),
    ],
)
def test_what_is_equal_passes(lists: list[dict[str, Any]]) -> None:
    """An equal state gives exit code 0."""
    judgement = build_report(TRUTH, replace(HELD, lists=lists), outcomes=OUTCOMES)

    assert judgement.exit_code == 0
    assert _differing(judgement) == {}


@pytest.mark.parametrize(
    ("lists", "verdict"),
    [
        pytest.param([_list("vip", "a@x")], "DIFFERENT", id="one-missing"),
        pytest.param(
            [_list("vip", "a@x", "b@x", "c@x")], "DIFFERENT", id="one-too-many"
        ),
        pytest.param([_list("vip", "a@x", "c@x")], "DIFFERENT", id="one-for-another"),
        pytest.param([], "DIFFERENT", id="no-list"),
        pytest.param([VIP, _list("gone", "a@x")], "DIFFERENT", id="one-who-left"),
        pytest.param([VIP, VIP], "2 LISTS", id="created-twice"),
        pytest.param([VIP, _list("other")], "UNEXPECTED", id="a-list-of-no-audience"),
        pytest.param(
            [VIP, {"name": "gone", "members": [{"email": None}]}],
            "DIFFERENT",
            id="a-member-without-address",
        ),
    ],
)
def test_a_list_that_differs_fails(lists: list[dict[str, Any]], verdict: str) -> None:
    """Exit code 1, and the verdict says why."""
    judgement = build_report(TRUTH, replace(HELD, lists=lists), outcomes=OUTCOMES)

    assert judgement.exit_code == 1
    assert [*_differing(judgement).values()] == [verdict]


@pytest.mark.parametrize(
    "profiles",
    [
        pytest.param([{**ANNA, "first_name": None, "properties": {}}], id="not-set"),
        pytest.param([{**ANNA, "first_name": "B"}], id="a-wrong-name"),
        pytest.param([{**ANNA, "first_name": None}], id="a-name-that-is-missing"),
        pytest.param(
            [{**ANNA, "properties": {"plan": "free"}}], id="a-wrong-custom-property"
        ),
        pytest.param(
            [{**ANNA, "properties": {"plan": "gold", "odd": 1}}],
            id="a-custom-property-too-many",
        ),
        pytest.param([{**ANNA, "location": {"city": "Y"}}], id="a-city-nobody-said"),
        pytest.param([{**ANNA, "email": None}], id="not-the-address"),
        pytest.param(
            [ANNA, {"email": "c@x", "id": "P3", "external_id": "u3", "title": "C"}],
            id="updated-for-nothing",
        ),
    ],
)
def test_profiles_that_differ_fail(profiles: list[dict[str, Any]]) -> None:
    """Each attribute counts, and so does one that nobody has set."""
    held = replace(HELD, profiles=[*profiles, BERT])

    judgement = build_report(TRUTH, held, outcomes=OUTCOMES)

    assert judgement.exit_code == 1
    assert _differing(judgement) == {"(profiles updated)": "DIFFERENT"}


@pytest.mark.parametrize(
    "orders",
    [
        pytest.param([], id="missing"),
        pytest.param([ORDER, ORDER], id="twice"),
        pytest.param([ORDER, {**ORDER, "unique_id": "m9"}], id="by-two-names"),
        pytest.param([{**ORDER, "unique_id": "m9"}], id="by-another-name"),
        pytest.param([{**ORDER, "profile_id": "P2"}], id="of-another-user"),
        pytest.param([{**ORDER, "value": 12.0}], id="a-wrong-value"),
        pytest.param([{**ORDER, "value": None}], id="no-value"),
        pytest.param([{**ORDER, "value_currency": "USD"}], id="a-wrong-currency"),
        pytest.param([{**ORDER, "time_s": 99}], id="at-a-wrong-time"),
        pytest.param([{**ORDER, "properties": {}}], id="without-its-properties"),
    ],
)
def test_events_that_differ_fail(orders: list[dict[str, Any]]) -> None:
    """Once each, of the right user, with time, worth and properties."""
    judgement = build_report(
        TRUTH, replace(HELD, events=[*orders, VIEW]), outcomes=OUTCOMES
    )

    assert judgement.exit_code == 1
    assert _differing(judgement) == {"Order Completed": "DIFFERENT"}


@pytest.mark.parametrize(
    "hers",
    [
        pytest.param(_consent("P1", sms="SUBSCRIBED"), id="missing"),
        pytest.param(
            _consent("P1", email="UNSUBSCRIBED", sms="SUBSCRIBED"), id="the-opposite"
        ),
        pytest.param({**ANNAS, "profile_id": "P9"}, id="of-a-profile-of-nobodys"),
    ],
)
def test_consents_that_differ_fail(hers: dict[str, Any]) -> None:
    """Consents are compared by user and channel."""
    judgement = build_report(
        TRUTH, replace(HELD, consents=[hers, BERTS]), outcomes=OUTCOMES
    )

    assert judgement.exit_code == 1
    assert _differing(judgement)["email/marketing"] == "DIFFERENT"


def test_a_consent_that_nobody_gave_fails() -> None:
    """A consent without an expected consent is a difference."""
    his = _consent("P2", email="UNSUBSCRIBED", sms="SUBSCRIBED")

    judgement = build_report(
        TRUTH, replace(HELD, consents=[ANNAS, his]), outcomes=OUTCOMES
    )

    assert judgement.exit_code == 1
    assert _differing(judgement) == {"sms/marketing": "DIFFERENT"}


@pytest.mark.parametrize(
    "edges", [pytest.param(5, id="one-too-often"), pytest.param(7, id="one-lost")]
)
def test_edges_that_do_not_add_up_fail(edges: int) -> None:
    """Equal lists do not make up for a change nobody accounts for."""
    judgement = build_report(replace(TRUTH, transitions=edges), HELD, outcomes=OUTCOMES)

    assert judgement.exit_code == 1
    assert (judgement.transitions.sent, judgement.transitions.accounted_for) == (3, 6)


def test_a_dead_letter_fails() -> None:
    """A dead letter fails the demo, since every event of the workload is valid."""
    dead_letter = ("deliver.events", "trackEvent", "dead-letter", "invalid")

    judgement = build_report(
        TRUTH, HELD, outcomes=Counter({**OUTCOMES, dead_letter: 1})
    )

    assert judgement.exit_code == 1
    assert _differing(judgement) == {}
