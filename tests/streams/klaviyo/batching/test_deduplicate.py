"""The same thing asked twice is done once."""

import pytest

from streams.delivery.verdict import ItemVerdict, dead_letter, delivered, discarded
from streams.klaviyo.batching.deduplicate import deduplicate


@pytest.mark.parametrize(
    ("items", "expected_verdicts", "batches"),
    [
        pytest.param("", "", [], id="nothing"),
        pytest.param("ab", "vv", ["ab"], id="no-repeat"),
        pytest.param("abaa", "vvrr", ["ab"], id="repeats-of-what-was-delivered"),
        pytest.param("dd", "dr", ["d"], id="repeat-of-what-was-discarded"),
        pytest.param("XaXX", "xvxx", ["Xa"], id="repeats-of-what-is-refused"),
        pytest.param("XxXx", "xvxr", ["X", "x"], id="same-key-but-better"),
        pytest.param("--", "vv", ["--"], id="without-a-key-nothing-repeats"),
    ],
)
async def test_the_first_is_sent_and_the_others_follow_it(
    items: str, expected_verdicts: str, batches: list[str]
) -> None:
    """Duplicates are discarded, unless the first item was rejected."""
    kinds = {"v": delivered(), "d": discarded("d"), "x": dead_letter("x")}
    sent: list[str] = []

    async def send(batch: list[str]) -> list[ItemVerdict]:
        sent.append("".join(batch))
        return [
            kinds["x" if item.isupper() else "d" if item == "d" else "v"]
            for item in batch
        ]

    verdicts = await deduplicate(
        items, key=lambda item: None if item == "-" else item.lower(), send=send
    )

    assert sent == batches
    assert "".join(
        verdict.reason or "v" for verdict in verdicts
    ) == expected_verdicts.replace("r", "duplicate")
