"""Profiles made ready to send."""

import pytest

from streams.errors import EngineError
from streams.klaviyo.batching.items import (
    ProfileItem,
    VerdictCollector,
    split_into_rounds,
)


@pytest.mark.parametrize(
    ("profiles", "indexes"),
    [
        pytest.param([], [], id="nothing"),
        pytest.param([{"email": "a"}, {"email": "b"}], [[0, 1]], id="all-different"),
        pytest.param(
            [{"email": "a@b"}, {"email": "c"}, {"email": "A@b "}],
            [[0, 1], [2]],
            id="one-twice-whatever-its-case",
        ),
        pytest.param(
            [{"external_id": "x", "email": "a"}, {"email": "a"}, {"external_id": "x"}],
            [[0], [1, 2]],
            id="in-common-with-one-of-two",
        ),
        pytest.param(
            [{"email": "a"}, {"email": "a", "external_id": "x"}, {"external_id": "x"}],
            [[0], [1], [2]],
            id="a-chain-keeps-its-order",
        ),
        pytest.param(
            [{"email": "a"}, {"external_id": "a"}],
            [[0, 1]],
            id="the-same-value-of-two-fields-is-not-the-same",
        ),
    ],
)
def test_no_identifier_is_twice_in_a_round(
    profiles: list[dict[str, object]], indexes: list[list[int]]
) -> None:
    """And a profile's items stay in order."""
    items = [
        ProfileItem(index=at, profile=profile) for at, profile in enumerate(profiles)
    ]

    assert [
        [item.index for item in round_items] for round_items in split_into_rounds(items)
    ] == indexes


def test_a_forgotten_item_is_a_programmers_fault() -> None:
    """Items without a verdict raise an error."""
    ledger = VerdictCollector(2)
    ledger.mark_delivered([1], status=204)

    with pytest.raises(EngineError):
        ledger.verdicts()
