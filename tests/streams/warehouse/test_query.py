"""Tests of queries: relations of dbt, and columns that the sync names."""

import orjson
import pytest

from streams.destination.syncs.model import DbtModel, Sync
from streams.errors import ConfigError
from streams.warehouse.columns import ColumnKind
from streams.warehouse.query import (
    column_problems,
    cursor_literal,
    relation_query,
    since_cursor,
)

MANIFEST = orjson.dumps(
    {
        "nodes": {
            "model.shop.people": {
                "name": "people",
                "unique_id": "model.shop.people",
                "resource_type": "model",
                "relation_name": '"shop"."main"."people"',
            },
            "test.shop.people": {
                "name": "people",
                "unique_id": "test.shop.people",
                "resource_type": "test",
                "relation_name": None,
            },
            "model.shop.parts": {
                "name": "parts",
                "unique_id": "model.shop.parts",
                "resource_type": "model",
                "relation_name": None,
            },
            "model.a.orders": {
                "name": "orders",
                "unique_id": "model.a.orders",
                "resource_type": "model",
                "relation_name": "a.orders",
            },
            "model.b.orders": {
                "name": "orders",
                "unique_id": "model.b.orders",
                "resource_type": "model",
                "relation_name": "b.orders",
            },
        }
    }
)


@pytest.mark.parametrize(
    ("model", "relation"),
    [
        pytest.param("people", '"shop"."main"."people"', id="name"),
        pytest.param("model.shop.people", '"shop"."main"."people"', id="unique-id"),
        pytest.param("model.b.orders", "b.orders", id="of-a-package"),
    ],
)
def test_a_model_is_read_from_its_relation(model: str, relation: str) -> None:
    """The manifest has its quoted name."""
    dbt = DbtModel(manifest="m", model=model)

    assert relation_query(MANIFEST, dbt, at="x") == f"SELECT * FROM {relation}"


@pytest.mark.parametrize(
    ("model", "manifest", "problem"),
    [
        pytest.param("orders", MANIFEST, "model.a.orders, model.b.orders", id="two"),
        pytest.param("nobody", MANIFEST, "is not in", id="none"),
        pytest.param("parts", MANIFEST, "ephemeral", id="ephemeral"),
        pytest.param("people", b"{}", "dbt compile", id="no-nodes"),
        pytest.param("people", b"[", "dbt compile", id="no-json"),
    ],
)
def test_a_model_without_a_relation_is_refused(
    model: str, manifest: bytes, problem: str
) -> None:
    """The error says which models there are, or what to run."""
    with pytest.raises(ConfigError, match=problem):
        relation_query(manifest, DbtModel(manifest="m", model=model), at="x")


def test_every_missing_column_is_reported() -> None:
    """With the columns that the query does return."""
    sync = Sync(name="s", key=("id",), columns=("plan",), email="address", cursor="at")

    problems = column_problems(sync, ["email", "name", "name"])

    assert [problem.partition(":")[0] for problem in problems] == [
        "syncs.s.key",
        "syncs.s.columns",
        "syncs.s.email",
        "syncs.s.cursor",
        "syncs.s.sql",
    ]
    assert "it returns email, name" in problems[0]


@pytest.mark.parametrize(
    ("text", "kind", "expected"),
    [
        pytest.param("7", ColumnKind.INTEGER, "7", id="number"),
        pytest.param("60000000", ColumnKind.INSTANT, "'1970-01-01T00:00:55Z'", id="at"),
        pytest.param("2026-01-01", ColumnKind.DATE, "'2026-01-01'", id="date"),
        pytest.param("o'clock", ColumnKind.TEXT, "'o''clock'", id="quoted"),
        pytest.param('"x"', ColumnKind.SCALAR, "'x'", id="sqlite-text"),
        pytest.param("7", ColumnKind.SCALAR, "7", id="sqlite-number"),
    ],
)
def test_a_cursor_is_a_literal_of_its_kind(
    text: str, kind: ColumnKind, expected: str
) -> None:
    """A timestamp is earlier by the lag."""
    assert cursor_literal(text, kind, lag_s=5) == expected
    assert since_cursor("SELECT 1;", column="c", value=expected).endswith(
        f"WHERE c >= {expected}"
    )
