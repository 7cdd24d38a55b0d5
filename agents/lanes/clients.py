"""Clients of one lane: batches are cut only when their request can leave soon."""

from collections.abc import Mapping
from typing import Final

from streams.actions.activation import LaneId
from streams.delivery.coalescer import BatchKey
from streams.klaviyo.api.client import KlaviyoClient
from streams.klaviyo.api.endpoints import (
    CREATE_EVENTS,
    GET_PROFILES,
    IMPORT_PROFILES,
    REMOVE_MEMBERS,
    REQUEST_DELETION,
    SUBSCRIBE,
    SUPPRESS,
    UNSUBSCRIBE,
    UNSUPPRESS,
    UPSERT_PROFILE,
    Endpoint,
)

CUT_AHEAD_S = 0.06
"""Time between the cut of a batch and the moment its request may leave: batches are
looked for once a tick, and the body of the request is written meanwhile."""

ENDPOINTS_BY_KIND: Final[Mapping[str, tuple[Endpoint, ...]]] = {
    "upsert": (IMPORT_PROFILES,),
    "patch": (UPSERT_PROFILE,),
    "add": (IMPORT_PROFILES,),
    "remove": (GET_PROFILES, REMOVE_MEMBERS),
    "record": (CREATE_EVENTS,),
    "subscribe": (SUBSCRIBE,),
    "unsubscribe": (UNSUBSCRIBE,),
    "suppress": (SUPPRESS,),
    "unsuppress": (UNSUPPRESS,),
    "delete": (REQUEST_DELETION,),
}
"""Kind of intent → the endpoints whose quota it needs."""

LOWEST_PRIORITY_RANK = len(LaneId)
"""Rank of backfill and replays: behind every lane."""


class LaneClients:
    """Clients for each kind of request of a lane.

    A batch that waits at the rate limiter can take no more items. So a batch is not cut
    while an earlier one waits there, and one that is not full is cut at the last
    moment: with a backlog, batches fill up while they wait.

    Args:
        klaviyo: Client of Klaviyo's API.
        rank: Priority of the lane at the rate limiter; the lowest goes first.
    """

    def __init__(self, klaviyo: KlaviyoClient, *, rank: int) -> None:
        self._klaviyo = klaviyo
        self._rank = rank
        self._clients: dict[tuple[str, bool], KlaviyoClient] = {}

    def client_for(self, batch_key: BatchKey) -> KlaviyoClient:
        """Return the client for the kind and priority of a batch."""
        client_key = (batch_key.kind, batch_key.low_priority)
        if client_key not in self._clients:
            self._clients[client_key] = self._klaviyo.with_priority(
                LOWEST_PRIORITY_RANK if batch_key.low_priority else self._rank
            )
        return self._clients[client_key]

    def has_no_waiting_request(self, batch_key: BatchKey) -> bool:
        """Return True if no request of a batch's kind waits at the rate limiter."""
        return not self.client_for(batch_key).waiting_count

    def is_due(self, batch_key: BatchKey) -> bool:
        """Return True if a request of a batch's kind could leave once it is written."""
        return all(
            self._klaviyo.send_delay_s(endpoint) <= CUT_AHEAD_S
            for endpoint in ENDPOINTS_BY_KIND[batch_key.kind]
        )
