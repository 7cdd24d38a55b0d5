"""Metrics: which there are, and which a mapping misses."""

from collections.abc import Collection, Iterable
from difflib import SequenceMatcher

from streams.errors import EngineError
from streams.klaviyo import event_requests
from streams.klaviyo.answers import Accepted
from streams.klaviyo.caller import Caller
from streams.klaviyo.pages import all_pages
from streams.klaviyo.responses import attributes_of, resources

NEAR_MIN = 0.6
"""Names less alike are not worth a hint (difflib's own default)."""


async def metric_names(client: Caller) -> frozenset[str]:
    """List the names of all metrics of the account.

    Raises:
        EngineError: Klaviyo does not list them.
    """
    answer = await all_pages(client, event_requests.metrics())
    if not isinstance(answer, Accepted):
        raise EngineError(f"metrics cannot be listed: {answer.reason}")
    names = (attributes_of(row).get("name") for row in resources(answer.data))
    return frozenset(name for name in names if isinstance(name, str))


def missing_metrics(
    names: Iterable[str], known: Collection[str]
) -> list[tuple[str, str | None]]:
    """Find names that Klaviyo does not have, to the letter.

    Args:
        names: Names of metrics that will be sent.
        known: Names of metrics there are.

    Returns:
        Each missing name once, in order, with the nearest that exists; None where none
        is near.
    """
    exact = frozenset(known)
    missing = dict.fromkeys(name for name in names if name not in exact)
    return [(name, _nearest(name, exact)) for name in missing]


def _nearest(name: str, known: Iterable[str]) -> str | None:
    """Choose by likeness without case, then with it, then by the alphabet."""
    ranked = ((_likeness(name, other), other) for other in sorted(known))
    best, nearest = max(ranked, key=lambda pair: pair[0], default=((0.0, 0.0), None))
    return nearest if best[0] >= NEAR_MIN else None


def _likeness(name: str, other: str) -> tuple[float, float]:
    folded = SequenceMatcher(None, _plain(name), _plain(other)).ratio()
    return folded, SequenceMatcher(None, name, other).ratio()


def _plain(name: str) -> str:
    """Leave out what a slip of the pen changes: case, spaces, dashes."""
    return "".join(filter(str.isalnum, name.casefold()))
