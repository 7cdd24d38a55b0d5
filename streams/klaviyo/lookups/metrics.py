"""Names of the account's metrics, and the names that mappings miss."""

from collections.abc import Collection, Iterable
from difflib import SequenceMatcher
from operator import itemgetter

from streams.errors import EngineError
from streams.klaviyo.api import endpoints
from streams.klaviyo.api.pagination import fetch_all_pages
from streams.klaviyo.api.requests import KlaviyoApi, Request
from streams.klaviyo.api.responses import resource_attributes, resources
from streams.klaviyo.api.results import (
    Accepted,
)

SIMILARITY_MIN = 0.6
"""Smallest similarity of a suggested name (the default of difflib)."""


async def fetch_metric_names(client: KlaviyoApi) -> frozenset[str]:
    """Return the names of all metrics of the account.

    Raises:
        EngineError: Klaviyo does not list the metrics.
    """
    answer = await fetch_all_pages(client, get_metrics())
    if not isinstance(answer, Accepted):
        raise EngineError(f"metrics cannot be listed: {answer.reason}")
    names = (resource_attributes(row).get("name") for row in resources(answer.data))
    return frozenset(name for name in names if isinstance(name, str))


def get_metrics() -> Request:
    """Build the request for the names of all metrics."""
    endpoint = endpoints.GET_METRICS
    query = (("fields[metric]", "name"),)
    return Request(endpoint=endpoint, path=endpoint.path, query=query)


def find_missing_metrics(
    names: Iterable[str], existing: Collection[str]
) -> list[tuple[str, str | None]]:
    """Return the metric names that Klaviyo does not have, with suggestions.

    Args:
        names: Names of metrics that will be sent; compared exactly.
        existing: Names of the metrics in the account.

    Returns:
        Each missing name once, in order, with the most similar existing name; None
        where no existing name is similar.
    """
    exact = frozenset(existing)
    missing = dict.fromkeys(name for name in names if name not in exact)
    return [(name, _most_similar(name, exact)) for name in missing]


def _most_similar(name: str, existing: Iterable[str]) -> str | None:
    """Choose by similarity without case, then with case, then alphabetically."""
    ranked = (
        (_similarity(name, candidate), candidate) for candidate in sorted(existing)
    )
    best, nearest = max(ranked, key=itemgetter(0), default=((0.0, 0.0), None))
    return nearest if best[0] >= SIMILARITY_MIN else None


def _similarity(name: str, candidate: str) -> tuple[float, float]:
    normalized_ratio = SequenceMatcher(
        None, _normalized(name), _normalized(candidate)
    ).ratio()
    return normalized_ratio, SequenceMatcher(None, name, candidate).ratio()


def _normalized(name: str) -> str:
    """Remove case, spaces and dashes, the usual differences of a typo."""
    return "".join(filter(str.isalnum, name.casefold()))
