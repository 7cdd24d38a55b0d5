"""Comparison of the requests that two files make."""

from typing import Any

import pytest

from streams.migration.comparison import compare_answers, summarize


def _answer(*requests: dict[str, Any]) -> dict[str, Any]:
    return {"matched": ["M"], "requests": list(requests)}


def _request(body: Any, path: str = "/api/events") -> dict[str, Any]:  # noqa: ANN401 - JSON
    return {"method": "POST", "path": path, "query": [], "body": body}


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        pytest.param([{"a": 1}], [{"a": 1}], [], id="equal"),
        pytest.param([], [], [], id="none"),
        pytest.param([{"a": 1}], [{"a": 2}], [("differs", ("body.a",))], id="value"),
        pytest.param([{"a": 1}], [{"a": True}], [("differs", ("body.a",))], id="type"),
        pytest.param([{"a": 1}], [{}], [("differs", ("body.a",))], id="absent"),
        pytest.param([{"a": None}], [{}], [("differs", ("body.a",))], id="null"),
        pytest.param(
            [{"a": [{"b": 1, "c": 2}]}],
            [{"a": [{"b": 1, "c": 3}]}],
            [("differs", ("body.a[].c",))],
            id="list",
        ),
        pytest.param(
            [{"a": [1]}], [{"a": [1, 2]}], [("differs", ("body.a",))], id="size"
        ),
        pytest.param([{}], [], [("only first", ())], id="only-first"),
        pytest.param([{}], [{}, {}], [("only second", ())], id="only-second"),
    ],
)
def test_requests_are_compared(
    first: list[Any], second: list[Any], expected: list[tuple[str, tuple[str, ...]]]
) -> None:
    """By method and path, in their order."""
    differences = compare_answers(
        1, _answer(*map(_request, first)), _answer(*map(_request, second))
    )

    assert [(one.kind, one.paths) for one in differences] == expected


def test_a_request_to_another_place_is_another_request() -> None:
    """Each of the two stands alone."""
    differences = compare_answers(
        1, _answer(_request({}, "/a")), _answer(_request({}, "/b"))
    )

    assert [(one.kind, one.request) for one in differences] == [
        ("only first", "POST /a"),
        ("only second", "POST /b"),
    ]


def test_the_summary_counts_places() -> None:
    """The most frequent difference comes first."""
    differences = [
        *compare_answers(1, _answer(_request({"a": 1})), _answer(_request({"a": 2}))),
        *compare_answers(2, _answer(_request({"a": 1})), _answer(_request({"a": 3}))),
        *compare_answers(3, _answer(), _answer(_request({}))),
    ]

    assert summarize(differences) == [
        ("differs: POST /api/events at body.a", 2),
        ("only second: POST /api/events", 1),
    ]
