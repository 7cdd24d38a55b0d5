"""Tests of syncs whose rows are the members of an audience."""

import pytest

from streams.mapping.values import Json
from tests.agents.admin.warehouse.sync_case import SyncCase


def test_rows_of_an_audience_say_who_is_inside(case: SyncCase) -> None:
    """A deletion names the audience too, with false."""
    case.insert(2)
    _, first = case.run(audience="vip")
    case.execute("DELETE FROM people WHERE id = 1")

    _, second = case.run(audience="vip")

    assert {event["properties"]["vip"] for event in first} == {True}
    assert [event["properties"] for event in second] == [{"vip": False}]
    assert second[0]["context"]["personas"]["computation_key"] == "vip"


@pytest.mark.parametrize(
    ("fields", "exits"),
    [
        pytest.param({"email": "email"}, ["p1@example.com"], id="by-email"),
        pytest.param({"email": "email", "user_id": "id"}, [], id="the-same-user-id"),
        pytest.param({"user_id": "email"}, ["p1@example.com"], id="another-user-id"),
    ],
)
def test_a_row_that_stands_for_another_person_lets_the_former_one_exit(
    case: SyncCase, fields: dict[str, Json], exits: list[str]
) -> None:
    """The former person would stay on the list for good."""
    case.insert(3)
    case.run(audience="vip", **fields)
    case.execute("UPDATE people SET email = 'new@example.com' WHERE id = 1")

    status, events = case.run(audience="vip", **fields)

    *deletions, update = events
    persons = [
        event.get("userId") or event["context"]["traits"]["email"]
        for event in deletions
    ]
    assert persons == exits
    assert [event["properties"]["vip"] for event in deletions] == [False] * len(exits)
    assert (update["event"], update["properties"]["vip"]) == ("updated", True)
    assert status.plan is not None
    assert (status.plan.deleted, status.plan.changes) == (0, len(events))
    assert case.run(audience="vip", **fields)[1] == []
