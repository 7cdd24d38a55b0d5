"""Table of action and change of a row: each cell runs to the sandbox, or is refused."""

from typing import Any, Final

import pytest

from streams.destination.loader import compile_destination
from streams.destination.rows.cells import CELLS, CellKind
from streams.destination.rows.reading import CHANGES_BY_NAME
from streams.errors import ConfigError
from streams.events.row import RowChange
from tests.support.row_runs import EMAIL, LIST, first, row, run_rows

ON_LIST = {"list_id": LIST}

FIELDS: Final[dict[str, dict[str, Any]]] = {
    "upsertProfile": {
        **ON_LIST,
        "properties": {"plan": {"@path": "$.properties.PLAN"}},
    },
    "addProfileToList": ON_LIST,
    "removeProfileFromList": ON_LIST,
    "removeProfile": ON_LIST,
    "trackEvent": {"metric_name": "Renewed"},
    "subscribeProfile": ON_LIST,
}

BEFORE: Final = {
    "removeProfileFromList": "addProfileToList",
    "removeProfile": "addProfileToList",
    "unsubscribeProfile": "subscribeProfile",
    "unsuppressProfile": "suppressProfile",
    "deleteProfile": "addProfileToList",
}
"""Action to the one that brings the person to where its effect is seen."""

EFFECTS: Final[dict[str, set[str]]] = {
    "orderCompleted": {"profile", "metric Order Completed"},
    "trackEvent": {"profile", "metric Renewed"},
    "upsertProfile": {"profile", "on list", "plan pro"},
    "addProfileToList": {"profile", "on list"},
    "removeProfileFromList": {"profile"},
    "removeProfile": {"profile"},
    "subscribeProfile": {"profile", "on list", "SUBSCRIBED"},
    "unsubscribeProfile": {"profile", "UNSUBSCRIBED"},
    "suppressProfile": {"profile", "suppressed"},
    "unsuppressProfile": {"profile"},
    "deleteProfile": set(),
}

NAMES = {change: name for name, change in CHANGES_BY_NAME.items()}
D, E, R = CellKind.DEFAULT, CellKind.EXPLICIT, CellKind.REFUSED

TABLE: Final = {
    "orderCompleted": (D, R, R),
    "trackEvent": (D, E, E),
    "upsertProfile": (D, D, R),
    "addProfileToList": (D, D, R),
    "removeProfileFromList": (D, E, D),
    "removeProfile": (D, E, D),
    "subscribeProfile": (D, E, E),
    "unsubscribeProfile": (D, E, D),
    "suppressProfile": (E, E, E),
    "unsuppressProfile": (E, E, E),
    "deleteProfile": (E, E, E),
}
"""The table of the research on Segment's Reverse ETL, action by action."""

CELLS_OF_KIND = {
    kind: [
        pytest.param(action, change, id=f"{action}-{NAMES[change]}")
        for action, kinds in TABLE.items()
        for change, each in zip(RowChange, kinds, strict=True)
        if each is kind
    ]
    for kind in CellKind
}

pytestmark = pytest.mark.usefixtures("few_ticks", "quiet_logs")


def mapping(action: str, **parts: Any) -> dict[str, Any]:  # noqa: ANN401 - parts of a mapping
    """Return a mapping of the model `people`."""
    return {
        "action": action,
        "model": "people",
        "fields": FIELDS.get(action, {}),
        **parts,
    }


def facts_after(change: RowChange, action: str, **parts: Any) -> set[str]:  # noqa: ANN401
    """Return what the sandbox holds of the person after a row of a kind."""
    before = [first(BEFORE[action])] if action in BEFORE else []
    event = row(change, columns={"PLAN": "pro"})
    ending = run_rows([event], [mapping(action, **parts)], before=before)
    assert ending.dead_letters == []
    return ending.facts()


def test_the_table_is_that_of_the_code() -> None:
    """Every action has a cell for every change."""
    kinds = {
        action: tuple(cells[change].kind for change in RowChange)
        for action, cells in CELLS.items()
    }

    assert kinds == TABLE


@pytest.mark.parametrize(("action", "change"), CELLS_OF_KIND[D])
def test_a_default_cell_runs_without_being_written_out(
    action: str, change: RowChange
) -> None:
    """The shorthand `model` alone starts the action."""
    on = {"on": ["added"]} if action == "" else {}

    assert facts_after(change, action, **on) == EFFECTS[action]


@pytest.mark.parametrize(("action", "change"), CELLS_OF_KIND[E])
def test_an_explicit_cell_runs_if_it_is_written_out(
    action: str, change: RowChange
) -> None:
    """By `on`; without it the row starts nothing."""
    assert facts_after(change, action, on=[NAMES[change]]) == EFFECTS[action]


@pytest.mark.parametrize(("action", "change"), CELLS_OF_KIND[E])
def test_an_explicit_cell_does_not_run_by_default(
    action: str, change: RowChange
) -> None:
    """A mapping of the model starts for other rows alone, or `check` asks for them."""
    try:
        destination = compile_destination([mapping(action)])
    except ConfigError as error:
        assert "name the changes" in str(error)  # noqa: PT017 - one of two answers
        return

    assert destination.map_event(row(change)) == ()


@pytest.mark.parametrize(("action", "change"), CELLS_OF_KIND[R])
@pytest.mark.parametrize("key", ["on", "trigger"])
def test_a_refused_cell_is_refused_with_reason_and_fix(
    action: str, change: RowChange, key: str
) -> None:
    """By `on` and by a trigger of Segment's export."""
    parts = {"on": [NAMES[change]], "trigger": f'event = "{change}"'}

    with pytest.raises(ConfigError) as caught:
        compile_destination([mapping(action, **{key: parts[key]})])

    [problem] = caught.value.problems
    assert problem.startswith(f"mappings[0].{key}: {action} for {NAMES[change]} rows ")
    assert ";" in problem


def test_a_deleted_row_clears_what_the_mapping_names() -> None:
    """Upsert Profile clears attributes and properties, and nothing else."""
    fields = {
        "first_name": {"@path": "$.properties.NAME"},
        "properties": {
            "plan": {"@path": "$.properties.PLAN"},
            "city": {"@path": "$.properties.CITY"},
        },
    }
    parts = mapping("upsertProfile", fields=fields, clear=["first_name", "plan"])
    columns = {"NAME": "Ada", "PLAN": "pro", "CITY": "Rome"}
    before = [row(RowChange.ADDED, columns=columns)]
    ending = run_rows(
        [row(RowChange.DELETED, columns=dict.fromkeys(columns))], [parts], before=before
    )

    [profile] = ending.account.profiles.find_owners({"email": EMAIL})
    assert profile.properties == {"city": "Rome"}
    assert profile.fields.get("first_name") is None


WARNED: Final = {
    ("subscribeProfile", "updated"): "subscribes the person again",
    ("subscribeProfile", "deleted"): "no consent",
    ("unsubscribeProfile", "updated"): "unsubscribes the person again",
    ("unsubscribeProfile", "deleted"): "no withdrawal of consent",
    ("suppressProfile", "deleted"): "no request to be left alone",
    ("deleteProfile", "added"): "for good",
    ("deleteProfile", "updated"): "for good",
    ("deleteProfile", "deleted"): "for good",
}


@pytest.mark.parametrize(
    ("action", "name"),
    [
        pytest.param(action, name, id=f"{action}-{name}")
        for action, kinds in TABLE.items()
        for name, kind in zip(CHANGES_BY_NAME, kinds, strict=True)
        if kind is not R
    ],
)
def test_a_cell_that_may_not_be_meant_is_warned_of(action: str, name: str) -> None:
    """A vanished row is no withdrawal of consent; other cells pass without a word."""
    destination = compile_destination([mapping(action, on=[name])])

    expected = WARNED.get((action, name))
    assert len(destination.warnings) == (expected is not None)
    assert all(
        line.startswith(f"mappings[0].on: {name}: ") and str(expected) in line
        for line in destination.warnings
    )
