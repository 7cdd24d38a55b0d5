"""Metrics: which there are, and which a mapping misses."""

from collections.abc import Collection, Iterable
from difflib import SequenceMatcher

from streams.errors import EngineError
from streams.klaviyo.api.pagination import fetch_all_pages
from streams.klaviyo.api.protocol import KlaviyoApi
from streams.klaviyo.api.responses import resource_attributes, resources
from streams.klaviyo.api.results import (
    Accepted,
)
from streams.klaviyo.payloads import event_requests

SIMILARITY_MIN = 0.6
"""Names less alike are not worth a hint (difflib's own default)."""


async def fetch_metric_names(client: KlaviyoApi) -> frozenset[str]:
    """List the names of all metrics of the account.

    Raises:
        EngineError: Klaviyo does not list them.
    """
    answer = await fetch_all_pages(client, event_requests.get_metrics())
    if not isinstance(answer, Accepted):
        raise EngineError(f"metrics cannot be listed: {answer.reason}")
    names = (resource_attributes(row).get("name") for row in resources(answer.data))
    return frozenset(name for name in names if isinstance(name, str))


def find_missing_metrics(
    names: Iterable[str], existing: Collection[str]
) -> list[tuple[str, str | None]]:
    """Find names that Klaviyo does not have, to the letter.

    Args:
        names: Names of metrics that will be sent.
        existing: Names of metrics there are.

    Returns:
        Each missing name once, in order, with the nearest that exists; None where none
        is near.
    """
    exact = frozenset(existing)
    missing = dict.fromkeys(name for name in names if name not in exact)
    return [(name, _most_similar(name, exact)) for name in missing]


def _most_similar(name: str, existing: Iterable[str]) -> str | None:
    """Choose by likeness without case, then with it, then by the alphabet."""
    ranked = (
        (_similarity(name, candidate), candidate) for candidate in sorted(existing)
    )
    best, nearest = max(ranked, key=lambda pair: pair[0], default=((0.0, 0.0), None))
    return nearest if best[0] >= SIMILARITY_MIN else None


def _similarity(name: str, candidate: str) -> tuple[float, float]:
    normalized_ratio = SequenceMatcher(
        None, _normalized(name), _normalized(candidate)
    ).ratio()
    return normalized_ratio, SequenceMatcher(None, name, candidate).ratio()


def _normalized(name: str) -> str:
    """Leave out what a slip of the pen changes: case, spaces, dashes."""
    return "".join(filter(str.isalnum, name.casefold()))
