"""Metrics: which there are, and which a mapping misses."""

from collections.abc import Collection, Iterable, Mapping
from difflib import SequenceMatcher
from typing import Final

from streams.errors import EngineError
from streams.klaviyo import event_requests
from streams.klaviyo.answers import (
    Accepted,
    Answer,
    OperatorFault,
    Rejected,
    Settled,
    Temporary,
    Throttled,
)
from streams.klaviyo.caller import Caller
from streams.klaviyo.pages import all_pages
from streams.klaviyo.requests import Request
from streams.klaviyo.responses import attributes_of, resources

NEAR_MIN = 0.6
"""Names less alike are not worth a hint (difflib's own default)."""

TRIES: Final = 3
"""Ours: so often a person's command asks a Klaviyo that does not answer."""

_MENDING: Final[Mapping[str, str]] = {
    "cannot-connect": "is that where Klaviyo is, and does the network lead there?",
    "unauthorized": "Klaviyo does not know the API key; make a private key there",
    "permission-denied": "the API key lacks a scope of this: {scopes}",
    "blocked-by-challenge": "Klaviyo blocks this address; have it allow-listed there",
    "revision-retired": "Klaviyo has no such revision any more; upgrade this program",
}
"""Reason of an answer → what the operator can do."""


class Impatient:
    """Gives up where a worker would wait: a person is there to mend it.

    Args:
        client: Sends the requests.
    """

    def __init__(self, client: Caller) -> None:
        self._client = client

    async def call(self, request: Request) -> Settled:
        """Send until Klaviyo settles it, or it takes somebody to mend it."""
        tries = 0
        while True:
            answer = await self._client.attempt(request)
            match answer:
                case Throttled():
                    continue
                case Temporary():
                    tries += 1
                    if tries < TRIES and not answer.blocked:
                        continue
                    return _given_up(answer, request)
                case OperatorFault():
                    return _given_up(answer, request)
                case _:
                    return answer

    async def attempt(self, request: Request) -> Answer:
        """Send once."""
        return await self._client.attempt(request)

    async def rest(self, *, failures: int) -> None:
        """Wait after that many failures in a row."""
        await self._client.rest(failures=failures)

    async def pause(self, wait_s: float) -> None:
        """Wait that long."""
        await self._client.pause(wait_s)


def _given_up(answer: Temporary | OperatorFault, request: Request) -> Rejected:
    scopes = ", ".join(sorted(request.endpoint.scopes))
    hint = _MENDING.get(answer.reason, "").format(scopes=scopes)
    reason = f"{answer.reason}; {hint}" if hint else answer.reason
    return Rejected(status=answer.status, reason=reason)


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
