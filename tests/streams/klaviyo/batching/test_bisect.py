"""Isolation of bad items in a batch."""

import pytest

from streams.chunks import chunk_by_weight
from streams.klaviyo.api.results import (
    Accepted,
    Conflict,
    FinalResult,
    NotFound,
    Rejected,
    Rejection,
    TooLarge,
)
from streams.klaviyo.batching.items import (
    BisectResult,
    send_with_bisect,
    separate_rejected,
)

_NOBODY = Rejected(status=400, reason="invalid")


@pytest.mark.parametrize(
    ("chunk", "answer", "refused", "rest"),
    [
        pytest.param(
            "abcd",
            Rejected(status=400, reason="r", item_reasons={3: "x", 1: "y"}),
            {"b": "y", "d": "x"},
            ["ac"],
            id="named-items-are-stripped",
        ),
        pytest.param(
            "ab",
            NotFound(status=404, item_reasons={0: "x", 1: "y"}),
            {"a": "x", "b": "y"},
            [],
            id="all-are-named",
        ),
        pytest.param("abcde", _NOBODY, {}, ["ab", "cde"], id="nobody-named-halves"),
        pytest.param("a", _NOBODY, {"a": "invalid"}, [], id="alone-it-is-the-culprit"),
        pytest.param(
            "abcd",
            Rejected(status=400, reason="r", item_reasons={9: "x"}),
            {},
            ["ab", "cd"],
            id="a-name-out-of-range-is-none",
        ),
        pytest.param("ab", TooLarge(status=413), {}, ["a", "b"], id="too-large-splits"),
        pytest.param(
            "a", TooLarge(status=413), {"a": "too-large"}, [], id="too-large-alone"
        ),
        pytest.param(
            "a",
            Conflict(status=409, duplicate_profile_id="01P"),
            {"a": "duplicate-profile"},
            [],
            id="conflict",
        ),
    ],
)
def test_culprits_are_bisected_from_the_others(
    chunk: str, answer: Rejection, refused: dict[str, str], rest: list[str]
) -> None:
    """Stripped by name, else by halves."""
    culprits, others = separate_rejected(tuple(chunk), answer)

    assert {rejection.item: rejection.reason for rejection in culprits} == refused
    assert ["".join(chunk) for chunk in others] == rest


class RejectingServer:
    """Fake server that rejects chunks with bad items.

    Args:
        bad: Items that make the server reject a chunk.
        names_items: True if rejections refer to the items.
        check_list_gone: Whether the list is gone.
    """

    def __init__(
        self, bad: str, *, names_items: bool, is_list_gone: bool = False
    ) -> None:
        self._bad = bad
        self._names_items = names_items
        self._gone = is_list_gone
        self.sent = 0
        self.list_checks = 0

    async def send(self, chunk: tuple[str, ...]) -> FinalResult:
        """Accept or reject a chunk."""
        self.sent += 1
        bad = {at: "bad" for at, item in enumerate(chunk) if item in self._bad}
        if not bad:
            return Accepted(status=202)
        return Rejected(
            status=400, reason="bad", item_reasons=bad if self._names_items else {}
        )

    async def check_list_gone(self) -> bool:
        """Report whether the list is gone."""
        self.list_checks += 1
        return self._gone

    async def run(self, items: str) -> BisectResult[str]:
        """Send items with bisecting."""
        return await send_with_bisect(
            items, send=self.send, is_list_gone=self.check_list_gone
        )


@pytest.mark.parametrize(
    ("bad", "names_items", "sent_max"),
    [
        pytest.param("", True, 1, id="all-good"),
        pytest.param("cm", True, 2, id="two-named"),
        pytest.param("c", False, 2 * 6, id="one-unnamed"),
        pytest.param("az", False, 4 * 6, id="two-unnamed-far-apart"),
        pytest.param("abcdefghijklmnopqrstuvwxyz", False, 2 * 26, id="all-unnamed"),
    ],
)
async def test_all_neighbours_go_through_in_few_requests(
    bad: str, names_items: bool, sent_max: int
) -> None:
    """Every item is taken or refused, exactly once."""
    items = "abcdefghijklmnopqrstuvwxyz"
    judge = RejectingServer(bad, names_items=names_items)

    bisected = await judge.run(items)

    taken = [item for chunk, _ in bisected.accepted for item in chunk]
    assert sorted(rejection.item for rejection in bisected.rejected) == sorted(bad)
    assert sorted(taken) == sorted(set(items) - set(bad))
    assert judge.sent <= sent_max


async def test_no_request_holds_more_items_than_allowed() -> None:
    """Each chunk is sent and bisected by itself; one missing list ends them all."""
    judge = RejectingServer("g", names_items=False)
    goner = RejectingServer("g", names_items=False, is_list_gone=True)

    bisected = await send_with_bisect("abcdefgh", send=judge.send, items_max=3)
    gone = await send_with_bisect(
        "abcdefgh", send=goner.send, is_list_gone=goner.check_list_gone, items_max=3
    )

    taken = {"".join(chunk) for chunk, _ in bisected.accepted}
    assert taken == {"abc", "def", "h"}
    assert [rejection.item for rejection in bisected.rejected] == ["g"]
    assert (gone.is_list_gone, gone.accepted) == (True, [])


async def test_a_list_that_is_gone_blames_nobody() -> None:
    """The list is checked once, before an item is blamed."""
    judge = RejectingServer("ab", names_items=False, is_list_gone=True)

    bisected = await judge.run("abcdef")

    assert bisected.is_list_gone
    assert (judge.sent, judge.list_checks) == (1, 1)


async def test_a_list_that_is_there_is_asked_for_once_a_rejection() -> None:
    """Not at every step of the bisection."""
    judge = RejectingServer("a", names_items=False)

    await judge.run("abcdefgh")

    assert judge.list_checks == 1


async def test_nothing_is_sent_for_nothing() -> None:
    """No items, no request."""
    judge = RejectingServer("", names_items=True)

    assert await judge.run("") == BisectResult()
    assert judge.sent == 0


@pytest.mark.parametrize(
    ("texts", "chunks"),
    [
        pytest.param([], [], id="nothing"),
        pytest.param(["a", "b", "c", "d"], ["abc", "d"], id="by-count"),
        pytest.param(["aaaa", "bb", "c"], ["aaaa", "bbc"], id="by-weight"),
        pytest.param(["aaa", "bb", "c"], ["aaabb", "c"], id="exactly-full"),
        pytest.param(["a", "x" * 9, "b"], ["a", "x" * 9, "b"], id="too-heavy-alone"),
    ],
)
def test_chunks_keep_both_limits_and_the_order(
    texts: list[str], chunks: list[str]
) -> None:
    """At most three words, at most five letters."""
    cut = chunk_by_weight(texts, count_max=3, weight=len, weight_max=5)

    assert ["".join(chunk) for chunk in cut] == chunks
