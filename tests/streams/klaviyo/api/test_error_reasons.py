"""Reasons hold Klaviyo's description and no personal data."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.klaviyo.api import error_reasons


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        pytest.param(
            {
                "code": "invalid",
                "title": "Invalid input.",
                "detail": "jane@x.io",
                "source": {
                    "pointer": "/data/attributes/profiles/data/3/attributes/email"
                },
            },
            "invalid: Invalid input at /attributes/email",
            id="detail-is-left-out",
        ),
        pytest.param(
            {"code": "duplicate_profile", "title": "Conflict."},
            "duplicate-profile: Conflict",
            id="code-is-kebab-case",
        ),
        pytest.param(
            {"code": "invalid", "title": "Value jane@x.io +15005550006 is bad"},
            "invalid: Value is bad",
            id="values-in-the-title",
        ),
        pytest.param(
            {
                "code": "invalid",
                "source": {"pointer": "/data/attributes/properties/jane doe/x"},
            },
            "invalid: at /attributes/properties",
            id="names-of-the-senders-own-properties",
        ),
        pytest.param(
            {"code": "invalid", "source": {"pointer": "/data/attributes/Jane/x"}},
            "invalid: at /attributes",
            id="unknown-member",
        ),
        pytest.param({}, "rejected", id="empty"),
        pytest.param({"code": "!?", "title": 7, "source": []}, "rejected", id="odd"),
    ],
)
def test_a_reason_is_code_title_and_place(
    error: dict[str, object], reason: str
) -> None:
    """Reasons hold code, title and path, without sent values."""
    assert error_reasons.describe_error(error) == reason


@given(st.text(alphabet="@0123456789", min_size=5), st.text())
def test_no_value_reaches_a_reason(value: str, rest: str) -> None:
    """Values stay out of reasons, wherever Klaviyo repeats a value."""
    error = {
        "code": "invalid",
        "title": f"Bad {value} here",
        "detail": value + rest,
        "source": {"pointer": f"/data/attributes/{value}"},
        "meta": {"value": value},
    }

    assert value not in error_reasons.describe_error(error)


@pytest.mark.parametrize(
    ("pointer", "index"),
    [
        pytest.param(
            "/data/attributes/profiles/data/12/attributes/email", 12, id="bulk"
        ),
        pytest.param("/data/attributes/events-bulk-create/data/0", 0, id="events"),
        pytest.param("/data/5/id", 5, id="relationship"),
        pytest.param("/data/5", 5, id="relationship-whole"),
        pytest.param("/data", None, id="whole"),
        pytest.param("/data/attributes/properties/5", None, id="a-property-named-5"),
        pytest.param("/data/relationships/lists/data/0/id", None, id="a-list"),
        pytest.param("/data/attributes/profiles/data/-1/x", None, id="negative"),
        pytest.param("/data/attributes/profiles/data/9999999/x", None, id="absurd"),
        pytest.param("data/5", None, id="no-pointer"),
    ],
)
def test_a_pointer_names_an_item_or_none(pointer: str, index: int | None) -> None:
    """Only the two forms Klaviyo uses."""
    assert error_reasons.error_item_index({"source": {"pointer": pointer}}) == index


def test_the_first_error_of_an_item_gives_its_reason() -> None:
    """The first of several errors counts."""
    errors = [
        {"code": "a", "source": {"pointer": "/data/1/id"}},
        {"code": "b", "source": {"pointer": "/data/1/type"}},
    ]

    assert error_reasons.reasons_by_item(errors) == {1: "a: at /id"}
