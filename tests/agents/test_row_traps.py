"""Traps of rows: what users of Reverse ETL complain of, each from row to sandbox."""

from pathlib import Path
from typing import Any, Final

import orjson
import pytest

from streams.events.row import RowChange
from tests.support.row_runs import EMAIL, LIST, Event, Mapping, row, run_rows

SUBSCRIPTIONS: Final[list[Mapping]] = orjson.loads(
    (Path(__file__).parent.parent / "cases/rows/subscriptions.json").read_bytes()
)
ON_LIST = {"list_id": LIST}
ADDED, UPDATED, DELETED = RowChange
PERSONAS = {
    "computation_class": "audience",
    "computation_key": "owners",
    "computation_id": "aud_1",
}

pytestmark = pytest.mark.usefixtures("few_ticks", "quiet_logs")


def of_people(action: str, **parts: Any) -> Mapping:  # noqa: ANN401 - parts of a mapping
    """Return a mapping of the model `people`."""
    return {"action": action, "model": "people", **parts}


def segment_row(
    change: RowChange, key: object, *, seconds: int = 0, **columns: object
) -> Event:
    """Return a row as Segment sends it: no model, no user, no address."""
    event = row(change, email="", columns=columns, message_id=f"{key}-{seconds}")
    event["timestamp"] = event["timestamp"].replace(":00.000Z", f":{seconds:02}.000Z")
    return {**event, "__segment_id": key, "context": {}}


def member_row(change: RowChange, **context: object) -> Event:
    """Return a row of the audience `owners`, as Segment sends it."""
    seconds = [*RowChange].index(change)
    event = segment_row(change, "7", seconds=seconds, owners=change is not DELETED)
    traits = {"email": EMAIL}
    return {**event, "context": {"personas": PERSONAS, "traits": traits, **context}}


def test_subscriptions_of_segment_run_as_they_are() -> None:
    """A row is added, updated and deleted: a profile on the list, then off it."""
    columns = {"EMAIL": EMAIL, "FIRST_NAME": "Ada", "PLAN": "pro"}
    added = segment_row(ADDED, "u-1", seconds=1, **columns)
    updated = segment_row(UPDATED, "u-1", seconds=2, **columns | {"PLAN": "max"})
    nulls = dict.fromkeys(columns)
    deleted = segment_row(DELETED, "u-1", seconds=3, **nulls)

    inside = run_rows([added, updated], SUBSCRIPTIONS)
    outside = run_rows([deleted], SUBSCRIPTIONS, before=[added, updated])

    assert inside.members == {EMAIL}
    assert inside.facts() == {"profile", "on list", "plan max", "metric Renewed"}
    assert inside.metrics == ["Renewed", "Renewed"]
    assert outside.members == set()
    assert inside.dead_letters == outside.dead_letters == []


def test_linked_audiences_of_segment_run_as_they_are() -> None:
    """Entity Added and Entity Removed change the list that the mapping names."""
    entered = {**member_row(ADDED), "event": "Entity Added"}
    exited = {**member_row(DELETED), "event": "Entity Removed"}

    assert run_rows([entered], SUBSCRIPTIONS).members == {EMAIL}
    assert run_rows([exited], SUBSCRIPTIONS, before=[entered]).members == set()


@pytest.mark.parametrize("change", RowChange)
def test_presets_make_no_metric_of_a_row(change: RowChange) -> None:
    """A trigger by type alone never sees a row."""
    ending = run_rows([row(change), segment_row(change, "8")], None)

    assert ending.metrics == []
    assert ending.discarded == ["no-mapping", "no-mapping"]


def test_an_updated_mapping_takes_nothing_of_the_first_sync() -> None:
    """In the first sync every row is new; its outcome says that it starts nothing."""
    ending = run_rows(
        [row(ADDED)], [of_people("upsertProfile", on=["updated"], fields=ON_LIST)]
    )

    assert ending.members == set()
    assert ending.discarded == ["no-mapping"]


@pytest.mark.parametrize(
    "columns",
    [
        pytest.param({}, id="key-alone"),
        pytest.param({"EMAIL": None, "PLAN": None}, id="other-columns-null"),
    ],
)
def test_a_deleted_row_finds_its_person_by_its_key(columns: dict[str, Any]) -> None:
    """The address stood in the row before, and is null now."""
    fields = {**ON_LIST, "email": {"@path": "$.properties.EMAIL"}}
    added = row(ADDED, columns={"EMAIL": EMAIL, "PLAN": "pro"})
    ending = run_rows(
        [row(DELETED, email="", columns=columns)],
        [
            of_people("upsertProfile", fields=fields),
            of_people("removeProfile", on=["deleted"], fields=fields),
        ],
        before=[added],
    )

    assert ending.members == set()
    assert ending.facts() >= {"profile"}
    assert ending.dead_letters == []


def test_a_deleted_row_of_nobody_is_a_dead_letter() -> None:
    """Neither the key nor an earlier row names the person."""
    fields = {**ON_LIST, "email": {"@path": "$.properties.EMAIL"}}
    ending = run_rows(
        [row(DELETED, email="", columns={"EMAIL": None})],
        [of_people("removeProfile", on=["deleted"], fields=fields)],
    )

    assert ending.dead_letters == ["no-identifier"]


def test_a_reset_adds_everybody_again_and_changes_nothing() -> None:
    """All rows are new once more, with the message ids of the first time."""
    mappings = [
        of_people("upsertProfile", fields=ON_LIST),
        of_people("trackEvent", fields={"metric_name": "Joined"}),
    ]
    added = row(ADDED)
    ending = run_rows([added], mappings, before=[added])

    assert ending.members == {EMAIL}
    assert ending.metrics == ["Joined"]


@pytest.mark.parametrize("key", [7, 7.0, "7"], ids=["int", "float", "text"])
def test_a_numeric_key_is_text(key: object) -> None:
    """The id in Klaviyo is the same whatever type the column has."""
    ending = run_rows([segment_row(ADDED, key, PLAN="pro")], SUBSCRIPTIONS)

    assert ending.members == {"7"}
    assert ending.dead_letters == []


def test_a_composite_key_is_the_text_of_a_list() -> None:
    """Two columns of a key never run together."""
    rows = [segment_row(ADDED, key, seconds=1) for key in (["a", "bc"], ["ab", "c"])]

    assert run_rows(rows, SUBSCRIPTIONS).members == {'["a","bc"]', '["ab","c"]'}


@pytest.mark.parametrize("key", [None, "", [None, "a"]], ids=["null", "blank", "part"])
def test_a_null_key_is_a_dead_letter_and_stops_nothing(key: object) -> None:
    """The next row is taken."""
    ending = run_rows(
        [segment_row(ADDED, key), segment_row(ADDED, "u-1")], SUBSCRIPTIONS
    )

    assert ending.dead_letters == ["no-row-key"]
    assert ending.members == {"u-1"}


def test_the_same_key_of_two_models_is_two_rows() -> None:
    """Order 7 is not the person 7: its deletion takes nobody off the list."""
    fields = {**ON_LIST, "email": {"@path": "$.context.traits.email"}}
    order = row(DELETED, model="orders", email="")
    ending = run_rows(
        [order],
        [
            of_people("addProfileToList", fields=ON_LIST),
            of_people("removeProfile", model="orders", on=["deleted"], fields=fields),
        ],
        before=[row(ADDED)],
    )

    assert ending.members == {EMAIL}
    assert ending.dead_letters == ["no-identifier"]


def test_a_duplicate_of_a_row_is_recorded_once() -> None:
    """A query that returns a key twice, and a source that sends a change twice."""
    updated = row(UPDATED, columns={"PLAN": "pro"})
    mapping = of_people("trackEvent", on=["updated"], fields={"metric_name": "Changed"})

    assert run_rows([updated, updated], [mapping]).metrics == ["Changed"]


def test_each_update_of_a_row_is_an_event_of_its_own() -> None:
    """A row without a message id gets one of its key and its columns."""
    rows = [row(UPDATED, columns={"PLAN": plan}) for plan in ("pro", "max", "max")]
    without_ids = [
        {name: value for name, value in body.items() if name != "messageId"}
        for body in rows
    ]
    mapping = of_people("trackEvent", on=["updated"], fields={"metric_name": "Changed"})
    ending = run_rows(without_ids, [mapping])

    assert ending.metrics == ["Changed", "Changed"]
    assert all(event.unique_id.startswith("row-") for event in ending.events)


def test_columns_keep_their_case() -> None:
    """A mapping of `$.properties.PLAN` does not read the column `plan`."""
    fields = {"properties": {"plan": {"@path": "$.properties.PLAN"}}}
    mapping = of_people("upsertProfile", fields=fields)

    upper = run_rows([row(ADDED, columns={"PLAN": "pro"})], [mapping])
    lower = run_rows([row(ADDED, columns={"plan": "pro"})], [mapping])

    assert upper.facts() == {"profile", "plan pro"}
    assert lower.facts() == {"profile"}


def test_a_null_consent_is_neither_true_nor_false() -> None:
    """NULL does not pass a trigger for a value, nor does an absent column."""
    mappings = [
        of_people("subscribeProfile", trigger="properties.OPT_IN = true"),
        of_people("unsubscribeProfile", trigger="properties.OPT_IN = false"),
    ]
    rows = [row(ADDED, columns={"OPT_IN": None}), row(ADDED, key="8")]

    assert run_rows(rows, mappings).discarded == ["no-mapping", "no-mapping"]


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        pytest.param(["OPT_IN"], {"profile", "SUBSCRIBED"}, id="consent"),
        pytest.param(["PLAN"], set(), id="another-column"),
        pytest.param(None, set(), id="nobody-knows"),
    ],
)
def test_an_update_subscribes_only_if_the_consent_changed(
    changed: list[str] | None, expected: set[str]
) -> None:
    """Another column's change would subscribe again who has left since."""
    mapping = of_people("subscribeProfile", on=["updated"], when_changed=["OPT_IN"])
    ending = run_rows([row(UPDATED, changed=changed)], [mapping])

    assert ending.facts() == expected


def test_a_snapshot_starts_no_flow() -> None:
    """Events are a backfill, and consents are historical."""
    mappings = [
        of_people("trackEvent", fields={"metric_name": "Joined"}),
        of_people("subscribeProfile"),
    ]
    old = run_rows([row(ADDED, is_snapshot=True)], mappings)
    new = run_rows([row(ADDED)], mappings)

    assert [event.backfill for event in (*old.events, *new.events)] == [True, False]
    [old_state] = old.account.consents.by_profile.values()
    [consent] = old_state.consents.values()
    assert consent.consented_s < consent.updated_s


def test_a_change_of_address_keeps_the_order_of_a_row() -> None:
    """All changes of a key are one user's: who leaves does so by every address."""
    time_ms = row(ADDED)["timestamp"]
    times = [time_ms.replace(":00.000Z", f":0{second}.000Z") for second in range(3)]
    emails = [EMAIL, "ada@new.example.com", ""]
    added, changed, deleted = (
        row(change, email=email, audience="owners") | {"timestamp": time}
        for change, email, time in zip(RowChange, emails, times, strict=True)
    )
    inside = run_rows([changed], None, before=[added], audiences=["owners"])
    outside = run_rows([deleted], None, before=[added, changed], audiences=["owners"])

    assert inside.members >= {"ada@new.example.com"}
    assert outside.members == set()
    assert outside.dead_letters == []


AUDIENCE_CASES = [
    pytest.param([member_row(ADDED)], {EMAIL}, id="new"),
    pytest.param([member_row(UPDATED)], {EMAIL}, id="updated"),
    pytest.param([member_row(ADDED), member_row(DELETED)], set(), id="deleted"),
    pytest.param(
        [member_row(ADDED), member_row(DELETED, traits={"email": None})],
        set(),
        id="deleted-with-nulls",
    ),
    pytest.param(
        [row(ADDED, audience="owners"), row(DELETED, audience="owners", email="")],
        set(),
        id="model-that-is-an-audience",
    ),
    pytest.param(
        [{**member_row(ADDED), "event": "Entity Added"}], {EMAIL}, id="entity-added"
    ),
    pytest.param(
        [member_row(ADDED), {**member_row(DELETED), "event": "Entity Removed"}],
        set(),
        id="entity-removed",
    ),
    pytest.param(
        [
            {
                **member_row(ADDED),
                "event": "Audience Entered",
                "context": {
                    "personas": PERSONAS | {"computation_class": "journey_step"},
                    "traits": {"email": EMAIL},
                },
            }
        ],
        {EMAIL},
        id="journey-step",
    ),
]


@pytest.mark.parametrize(("rows", "expected"), AUDIENCE_CASES)
def test_rows_of_an_audience_move_its_membership(
    rows: list[Event], expected: set[str]
) -> None:
    """Without any mapping: a new or updated row enters, a deleted row exits."""
    *before, last = rows
    ending = run_rows([last], None, before=before, audiences=["owners"])

    assert ending.members == expected
    assert ending.dead_letters == []
