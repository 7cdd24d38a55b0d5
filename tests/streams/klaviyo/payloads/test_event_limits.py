"""Invalid events are recognised before sending."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.actions.intents import EventRecord
from streams.klaviyo.payloads.event_limits import event_fault
from streams.klaviyo.payloads.event_lines import duplicate_key
from tests.streams.klaviyo.fakes import START_S

_JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


def nested(levels: int) -> dict[str, Any]:
    """Build properties that nest this deep."""
    value: dict[str, Any] = {"leaf": 1}
    for _ in range(levels - 1):
        value = {"in": value}
    return value


def event(**fields: Any) -> EventRecord:  # noqa: ANN401  # any JSON
    """Build an event that is valid but for these fields."""
    valid: dict[str, Any] = {
        "metric": "Viewed",
        "profile": {"email": "a@b.io"},
        "properties": {},
    }
    return EventRecord(**valid | fields)


@pytest.mark.parametrize(
    ("members", "code"),
    [
        pytest.param({}, "", id="right"),
        pytest.param({"metric": ""}, "no-metric", id="metric-empty"),
        pytest.param({"metric": None}, "no-metric", id="metric-null"),
        pytest.param({"metric": "m" * 127}, "", id="metric-127"),
        pytest.param({"metric": "m" * 128}, "metric-too-long", id="metric-128"),
        pytest.param({"profile": {}}, "no-identifier", id="profile-of-nobody"),
        pytest.param({"profile": None}, "no-identifier", id="profile-null"),
        pytest.param({"profile": {"email": 5}}, "no-identifier", id="email-a-number"),
        pytest.param({"time": "2026-07-15T09:30:00.123Z"}, "", id="time-in-zulu"),
        pytest.param({"time": ""}, "", id="time-empty-is-now"),
        pytest.param({"time": "soon"}, "time-unreadable", id="time-no-time"),
        pytest.param({"time": 1_740_823_200}, "time-unreadable", id="time-a-number"),
        pytest.param({"time": "1989-12-31"}, "time-out-of-range", id="time-1989"),
        pytest.param({"time": "2027-12-31"}, "", id="time-eleven-months-ahead"),
        pytest.param({"time": "2028-02-01"}, "time-out-of-range", id="time-a-year-on"),
        pytest.param({"value": True}, "value-not-a-number", id="value-boolean"),
        pytest.param({"value": "9.99"}, "value-not-a-number", id="value-text"),
        pytest.param({"value": float("nan")}, "value-not-a-number", id="value-nan"),
        pytest.param({"value": 0}, "", id="value-zero"),
        pytest.param({"unique_id": 7}, "not-text", id="unique-id-a-number"),
        pytest.param({"value_currency": ["EUR"]}, "not-text", id="currency-a-list"),
        pytest.param({"properties": []}, "properties-not-an-object", id="array"),
        pytest.param(
            {"properties": {str(n): n for n in range(400)}}, "", id="properties-400"
        ),
        pytest.param(
            {"properties": {str(n): n for n in range(401)}},
            "too-many-properties",
            id="properties-401",
        ),
        pytest.param({"properties": {"a": [0] * 4_000}}, "", id="array-4000"),
        pytest.param(
            {"properties": {"a": {"b": [0] * 4_001}}}, "array-too-long", id="array-4001"
        ),
        pytest.param({"properties": {"a": "x" * 100_000}}, "", id="string-100-kb"),
        pytest.param(
            {"properties": {"a": ["ß" * 50_001]}},
            "string-too-long",
            id="string-in-bytes-not-characters",
        ),
        pytest.param({"properties": nested(10)}, "", id="depth-10"),
        pytest.param({"properties": nested(11)}, "properties-too-deep", id="depth-11"),
        pytest.param(
            {"properties": nested(5_000)}, "properties-too-deep", id="depth-5000"
        ),
    ],
)
def test_klaviyos_limits_are_judged_before_sending(
    members: dict[str, Any], code: str
) -> None:
    """Each limit is tested at its edge and beyond."""
    fault = event_fault(event(**members), now_s=START_S)

    assert fault.partition(":")[0] == code


def test_without_a_clock_the_future_is_klaviyos_matter() -> None:
    """The check itself reads no clock."""
    assert event_fault(event(time="2999-01-01"), now_s=None) == ""


@given(_JSON, _JSON, _JSON, _JSON)
def test_no_json_makes_the_rules_raise(
    metric: object, profile: object, properties: object, other: object
) -> None:
    """Any JSON that a mapping produces gets a result."""
    item = event(
        metric=metric,
        profile=profile,
        properties=properties,
        time=other,
        unique_id=other,
        value=other,
    )

    assert isinstance(event_fault(item, now_s=START_S), str)
    assert duplicate_key(item) is None or hash(duplicate_key(item))
