"""Selection of rows by a mapping of the destination file."""

from typing import Any

import pytest

from streams.destination.loader import compile_destination, read_destination
from streams.destination.rows.selection import RowSelection
from streams.errors import ConfigError
from streams.events.row import RowChange, row_event

ADDED, UPDATED, DELETED = RowChange
UPSERT = {"action": "upsertProfile", "model": "people"}
METRIC = {"metric_name": "M"}
TRACK = {"action": "trackEvent", "model": "people", "fields": METRIC}


def row(change: RowChange, model: str = "people", **parts: Any) -> dict[str, Any]:  # noqa: ANN401 - parts of a row
    """Return a row with the columns `n` and `s`."""
    return row_event(
        change,
        source="shop",
        model=model,
        key="7",
        columns={"n": 1, "s": "x"},
        time_ms=1_767_323_045_678,
        message_id="row-1",
        email="ada@example.com",
        **parts,
    )


def selection_of(**parts: Any) -> RowSelection | None:  # noqa: ANN401 - parts of a mapping
    """Return the selection of a mapping."""
    [rule] = compile_destination([{**TRACK, **parts}]).mappings
    return rule.rows


@pytest.mark.parametrize(
    ("trigger", "changes"),
    [
        pytest.param('event = "new"', {ADDED}, id="added"),
        pytest.param('event = "updated"', {UPDATED}, id="updated"),
        pytest.param('event = "deleted"', {DELETED}, id="deleted"),
        pytest.param('event = "new" or event = "updated"', {ADDED, UPDATED}, id="both"),
        pytest.param(
            'event = "updated" or event = "new"', {ADDED, UPDATED}, id="other-order"
        ),
        pytest.param('type = "track" and event = "new"', {ADDED}, id="with-a-type"),
        pytest.param(
            'event = "new" and properties.s = "x"', {ADDED}, id="with-a-column"
        ),
        pytest.param('type = "track"', None, id="type-alone"),
        pytest.param('event != "new"', None, id="unequal"),
        pytest.param('type = "identify" and event = "new"', None, id="identify"),
        pytest.param('!(event = "new")', None, id="negated"),
        pytest.param('event = "New"', None, id="another-case"),
    ],
)
def test_a_trigger_is_for_rows_if_it_names_their_event(
    trigger: str, changes: set[RowChange] | None
) -> None:
    """Segment's exported triggers have no clause for the type."""
    fields = {"metric_name": "M"}
    mapping = {"action": "trackEvent", "trigger": trigger, "fields": fields}
    destination = compile_destination([mapping])

    [rule] = destination.mappings
    assert (rule.rows.changes if rule.rows else None) == changes
    for change in RowChange:
        assert bool(destination.map_event(row(change))) is (change in (changes or ()))


def test_an_event_that_is_no_row_starts_a_row_trigger_all_the_same() -> None:
    """A trigger says what it says; but a mapping of a model is for rows alone."""
    event = {"type": "track", "event": "new", "userId": "u", "properties": {}}
    by_trigger = {**TRACK, "trigger": 'event = "new"'}
    del by_trigger["model"]

    assert compile_destination([by_trigger]).map_event(event)
    assert not compile_destination([TRACK]).map_event(event)


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        pytest.param({}, {ADDED}, id="default"),
        pytest.param({"on": ["updated"]}, {UPDATED}, id="on"),
        pytest.param({"trigger": 'properties.s = "x"'}, {ADDED}, id="condition"),
        pytest.param({"trigger": 'type = "track"'}, {ADDED}, id="type"),
        pytest.param({"trigger": 'event = "deleted"'}, {DELETED}, id="row-trigger"),
        pytest.param(
            {"trigger": 'event = "deleted" or event = "new"', "on": ["new"][:0]},
            {ADDED, DELETED},
            id="empty-on",
        ),
        pytest.param(
            {"trigger": 'properties.s = "y"', "on": ["added", "updated"]},
            {ADDED, UPDATED},
            id="on-and-condition",
        ),
    ],
)
def test_changes_are_those_written_out_else_the_defaults(
    parts: dict[str, Any], expected: set[RowChange]
) -> None:
    """By `on`, by the trigger, or by the table of the action."""
    selection = selection_of(**parts)

    assert selection is not None
    assert selection.changes == expected


def test_on_is_a_name_in_yaml_and_no_boolean() -> None:
    """YAML 1.1 would read `on` as true."""
    destination = read_destination(
        "mappings: [{action: upsertProfile, model: people, on: [updated]}]"
    )

    assert destination.map_event(row(UPDATED))
    assert not destination.map_event(row(ADDED))


def test_a_condition_and_a_model_must_both_hold() -> None:
    """The trigger may ask for the value of a column."""
    destination = compile_destination([{**TRACK, "trigger": "properties.n > 1"}])

    assert not destination.map_event(row(ADDED))
    assert not destination.map_event(row(ADDED, "orders"))


@pytest.mark.parametrize(
    ("parts", "model", "expected"),
    [
        pytest.param({}, "people", True, id="model"),
        pytest.param({}, "orders", False, id="another-model"),
        pytest.param({}, "", False, id="no-model"),
        pytest.param({"model": None, "modelId": "m1"}, "m1", True, id="segment"),
        pytest.param({"model": None, "modelId": "m1"}, "m2", False, id="segment-other"),
        pytest.param({"model": None, "modelId": "m1"}, "", True, id="segment-unnamed"),
        pytest.param({"model": None, "model_id": "m1"}, "m2", False, id="terraform"),
        pytest.param({"modelId": "m1"}, "people", True, id="model-first"),
    ],
)
def test_the_model_chooses_the_rows(
    parts: dict[str, Any], model: str, expected: bool
) -> None:
    """Rows of Segment name no model: they start the mappings of Segment's export."""
    destination = compile_destination([{**TRACK, **parts}])

    assert bool(destination.map_event(row(ADDED, model))) is expected


@pytest.mark.parametrize(
    ("mapping", "problem"),
    [
        pytest.param(
            {**UPSERT, "on": ["new"]},
            "mappings[0].on: new: is not a known change of a row",
            id="on-by-event-name",
        ),
        pytest.param(
            {**UPSERT, "on": "added"}, "mappings[0].on: is not a list", id="on-text"
        ),
        pytest.param(
            {"action": "upsertProfile", "on": ["added"]},
            "mappings[0].on: is for rows; name the model of the rows in model",
            id="on-without-model",
        ),
        pytest.param(
            {**TRACK, "on": ["updated"], "trigger": 'event = "new"'},
            "mappings[0].on: the trigger matches no updated rows",
            id="on-against-the-trigger",
        ),
        pytest.param(
            {**TRACK, "on": ["added"], "trigger": 'type = "identify"'},
            "mappings[0].on: the trigger matches no added rows",
            id="trigger-of-another-call",
        ),
        pytest.param(
            {"action": "deleteProfile", "model": "people"},
            "mappings[0].on: is missing: deleteProfile runs for no rows by default;"
            " name the changes",
            id="no-default",
        ),
        pytest.param(
            {**UPSERT, "when_changed": ["n"], "on": ["added"]},
            "mappings[0].when_changed: has no effect: updated rows do not start the"
            " mapping",
            id="when-changed-without-updates",
        ),
        pytest.param(
            {**UPSERT, "clear": ["email"]},
            "mappings[0].clear: email is an identifier: the profile could not be found"
            " again",
            id="clear-identifier",
        ),
        pytest.param(
            {"action": "removeProfile", "model": "people", "clear": ["plan"]},
            "mappings[0].clear: is for upsertProfile only",
            id="clear-of-another-action",
        ),
        pytest.param(
            {"action": "trackEvent", "model": "people", "on": ["deleted"]},
            "mappings[0].fields.metric_name: is the event's name, which makes metrics"
            " named deleted; write the metric's name",
            id="metric-of-deleted-rows",
        ),
    ],
)
def test_a_wrong_part_is_a_problem_with_its_path(
    mapping: dict[str, Any], problem: str
) -> None:
    """Each fault is reported once, with the fix."""
    with pytest.raises(ConfigError) as caught:
        compile_destination([mapping])

    assert problem in caught.value.problems


SUBSCRIPTION = {"action": "upsertProfile", "trigger": 'event = "new"'}


@pytest.mark.parametrize(
    ("mapping", "warning"),
    [
        pytest.param(
            {"action": "trackEvent", "model": "people"},
            "mappings[0].fields.metric_name: is the event's name, which makes metrics"
            " named new; write the metric's name",
            id="metric-by-event-name",
        ),
        pytest.param(
            {
                **TRACK,
                "on": ["updated"],
                "fields": {**METRIC, "unique_id": {"@path": "$.__segment_id"}},
            },
            "mappings[0].fields.unique_id: is the row's key: Klaviyo keeps one event a"
            " row; leave it out",
            id="unique-id-of-updates",
        ),
        pytest.param(
            {**SUBSCRIPTION, "modelId": "m1"},
            "Upsert Profile: modelId: no source has this model: rows that name no model"
            " start the mapping",
            id="model-of-no-source",
        ),
        pytest.param(
            {**SUBSCRIPTION, "reverseETLSchedule": {"strategy": "MANUAL"}},
            "mappings[0].reverseETLSchedule: has no effect: Segment's schedule is not"
            " that of a source here",
            id="schedule",
        ),
    ],
)
def test_a_doubtful_part_is_warned_of(mapping: dict[str, Any], warning: str) -> None:
    """The file is valid all the same."""
    assert compile_destination([mapping]).warnings == (warning,)


def test_a_model_of_a_source_is_not_warned_of() -> None:
    """A source may bear the id that Segment gave the model."""
    source = {"topic": "rows", "format": "rows", "key": ["id"], "model": "m1"}
    mapping = {**SUBSCRIPTION, "modelId": "m1"}
    file = {"sources": {"shop": source}, "mappings": [mapping]}

    assert compile_destination(file).warnings == ()


NULLS = {"plan": None, "city": None, "age": 7}
PROFILE = {
    "email": {"@path": "$.properties.mail"},
    "properties": {"@path": "$.properties"},
}


def _payload(clear: list[str], **columns: Any) -> dict[str, Any]:  # noqa: ANN401 - values of columns
    fields = {**PROFILE, "first_name": {"@path": "$.properties.first"}}
    rule = {**UPSERT, "on": ["added", "updated"], "fields": fields, "clear": clear}
    columns = {"mail": "ada@example.com", **columns}
    body = row_event(
        UPDATED,
        source="shop",
        model="people",
        key="7",
        columns=columns,
        time_ms=1,
        message_id="row-1",
    )
    [result] = compile_destination([rule]).map_event(body)
    return result.payload


@pytest.mark.parametrize(
    ("clear", "columns", "properties", "traits"),
    [
        pytest.param([], NULLS, {"age": 7}, {}, id="null-keeps"),
        pytest.param(["plan"], NULLS, {"age": 7, "plan": None}, {}, id="null-clears"),
        pytest.param(["plan"], {"age": 7}, {"age": 7}, {}, id="absent-keeps"),
        pytest.param(["plan"], {"plan": "a"}, {"plan": "a"}, {}, id="value-stays"),
        pytest.param([], {"first": None}, {}, {}, id="attribute-keeps"),
        pytest.param(
            ["first_name"], {"first": None}, {}, {"first_name": None}, id="attribute"
        ),
        pytest.param(
            ["first_name"], {"first": "A"}, {"first": "A"}, {}, id="attribute-stays"
        ),
    ],
)
def test_null_clears_only_what_the_mapping_names(
    clear: list[str],
    columns: dict[str, Any],
    properties: dict[str, Any],
    traits: dict[str, Any],
) -> None:
    """An absent column never clears anything."""
    payload = _payload(clear, **columns)

    assert payload["properties"] == {"mail": "ada@example.com", **properties}
    assert payload.get("custom_traits", {}) == traits
