"""The demo's comparison: it passes when all is equal, and only then."""

from collections import Counter
from dataclasses import replace
from typing import Any

import pytest

from agents.demo.traffic import Endings
from agents.demo.verdict import Check, judge
from agents.demo.workload import Truth

TRUTH = Truth(
    members={"vip": frozenset({"a@x", "b@x"}), "gone": frozenset()},
    edges=6,
    upserted=frozenset({"a@x"}),
)
PROFILES: list[dict[str, Any]] = [
    {"email": "a@x", "first_name": "A"},
    {"email": "b@x", "first_name": None},
]
ENDINGS: Endings = Counter(
    {
        ("deliver.lists", "addProfileToList", "delivered", ""): 2,
        ("deliver.lists", "removeProfileFromList", "delivered", ""): 1,
        ("deliver.lists", "", "discarded", "superseded"): 1,
        ("deliver.lists", "addProfileToList", "discarded", "superseded"): 1,
        ("deliver.lists", "removeProfileFromList", "discarded", "no-such-profile"): 1,
        ("deliver.profiles", "upsertProfile", "delivered", ""): 9,
        ("activate", "", "discarded", "repeat"): 9,
    }
)


def _list(name: str, *emails: str) -> dict[str, Any]:
    return {"name": name, "members": [{"email": email} for email in emails]}


VIP = _list("vip", "a@x", "b@x")


@pytest.mark.parametrize(
    "lists",
    [
        pytest.param([VIP, _list("gone")], id="every-list-there"),
        pytest.param([VIP], id="no-list-for-an-audience-nobody-is-in"),
    ],
)
def test_equal_lists_pass(lists: list[dict[str, Any]]) -> None:
    """Exit code 0."""
    judgement = judge(TRUTH, lists=lists, profiles=PROFILES, endings=ENDINGS)

    assert judgement.exit_code == 0
    assert {check.words for check in judgement.checks} == {"equal"}


@pytest.mark.parametrize(
    ("lists", "words"),
    [
        pytest.param([_list("vip", "a@x")], "DIFFERENT", id="one-missing"),
        pytest.param(
            [_list("vip", "a@x", "b@x", "c@x")], "DIFFERENT", id="one-too-many"
        ),
        pytest.param([_list("vip", "a@x", "c@x")], "DIFFERENT", id="one-for-another"),
        pytest.param([], "DIFFERENT", id="no-list"),
        pytest.param([VIP, _list("gone", "a@x")], "DIFFERENT", id="one-who-left"),
        pytest.param([VIP, VIP], "2 LISTS", id="created-twice"),
        pytest.param([VIP, _list("other")], "NOT WANTED", id="a-list-of-no-audience"),
        pytest.param(
            [VIP, {"name": "gone", "members": [{"email": None}]}],
            "DIFFERENT",
            id="a-member-without-address",
        ),
    ],
)
def test_a_list_that_differs_fails(lists: list[dict[str, Any]], words: str) -> None:
    """Exit code 1, and the verdict says why."""
    judgement = judge(TRUTH, lists=lists, profiles=PROFILES, endings=ENDINGS)

    assert judgement.exit_code == 1
    assert sorted({check.words for check in judgement.checks} - {"equal"}) == [words]


@pytest.mark.parametrize(
    "profiles",
    [
        pytest.param([], id="not-updated"),
        pytest.param(
            [*PROFILES, {"email": "c@x", "first_name": "C"}], id="updated-for-nothing"
        ),
    ],
)
def test_profiles_that_differ_fail(profiles: list[dict[str, Any]]) -> None:
    """Profile updates are compared too."""
    judgement = judge(TRUTH, lists=[VIP], profiles=profiles, endings=ENDINGS)

    assert judgement.exit_code == 1


@pytest.mark.parametrize(
    "edges", [pytest.param(5, id="one-too-often"), pytest.param(7, id="one-lost")]
)
def test_edges_that_do_not_add_up_fail(edges: int) -> None:
    """Equal lists do not make up for a change nobody accounts for."""
    told = replace(TRUTH, edges=edges)

    judgement = judge(told, lists=[VIP], profiles=PROFILES, endings=ENDINGS)

    assert judgement.exit_code == 1
    assert (judgement.edges.sent, judgement.edges.told) == (3, 6)


def test_a_check_counts_who_is_missing_and_who_is_unexpected() -> None:
    """The two columns of the table."""
    check = Check(name="vip", expected=frozenset("abc"), held=frozenset("cd"))

    assert (check.missing, check.unexpected) == (2, 1)
