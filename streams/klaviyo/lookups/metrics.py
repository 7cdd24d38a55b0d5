"""Metrics: which there are, and which a mapping misses."""

from collections.abc import Collection, Iterable, Mapping
from difflib import SequenceMatcher
from typing import Final

from streams.errors import EngineError
from streams.klaviyo.api.pagination import fetch_all_pages
from streams.klaviyo.api.protocol import KlaviyoApi
from streams.klaviyo.api.requests import Request
from streams.klaviyo.api.responses import resource_attributes, resources
from streams.klaviyo.api.results import (
    Accepted,
    AttemptResult,
    FinalResult,
    OperatorFault,
    Rejected,
    Temporary,
    Throttled,
)
from streams.klaviyo.payloads import event_requests

SIMILARITY_MIN = 0.6
"""Names less alike are not worth a hint (difflib's own default)."""

ATTEMPTS_MAX: Final = 3
"""Ours: so often a person's command asks a Klaviyo that does not answer."""

_REMEDIES: Final[Mapping[str, str]] = {
    "cannot-connect": "is that where Klaviyo is, and does the network lead there?",
    "unauthorized": "Klaviyo does not know the API key; make a private key there",
    "permission-denied": "the API key lacks a scope of this: {scopes}",
    "blocked-by-challenge": "Klaviyo blocks this address; have it allow-listed there",
    "revision-retired": "Klaviyo has no such revision any more; upgrade this program",
}
"""Reason of an answer → what the operator can do."""


class FailFastClient:
    """Gives up where a worker would wait: a person is there to mend it.

    Args:
        client: Sends the requests.
    """

    def __init__(self, client: KlaviyoApi) -> None:
        self._client = client

    async def call(self, request: Request) -> FinalResult:
        """Send until Klaviyo settles it, or it takes somebody to mend it."""
        attempts = 0
        while True:
            answer = await self._client.attempt(request)
            match answer:
                case Throttled():
                    continue
                case Temporary():
                    attempts += 1
                    if attempts < ATTEMPTS_MAX and not answer.is_blocked:
                        continue
                    return _rejected_with_hint(answer, request)
                case OperatorFault():
                    return _rejected_with_hint(answer, request)
                case _:
                    return answer

    async def attempt(self, request: Request) -> AttemptResult:
        """Send once."""
        return await self._client.attempt(request)

    async def back_off(self, *, failures: int) -> None:
        """Wait after that many failures in a row."""
        await self._client.back_off(failures=failures)

    async def pause(self, wait_s: float) -> None:
        """Wait that long."""
        await self._client.pause(wait_s)


def _rejected_with_hint(
    answer: Temporary | OperatorFault, request: Request
) -> Rejected:
    scopes = ", ".join(sorted(request.endpoint.scopes))
    hint = _REMEDIES.get(answer.reason, "").format(scopes=scopes)
    reason = f"{answer.reason}; {hint}" if hint else answer.reason
    return Rejected(status=answer.status, reason=reason)


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
