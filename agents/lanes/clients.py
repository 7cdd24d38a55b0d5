"""Clients of one lane: what of it waits at the gate is cut into no more batches."""

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
"""A batch is cut so long before its request may leave: once a tick is looked for one,
and what it needs is written meanwhile."""

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
"""Kind of intent → where many of them would have to wait."""

LOWEST_PRIORITY_RANK = len(LaneId)
"""The rank of the past, backfill and replays: behind every lane."""


class LaneClients:
    """A client for each kind of request of a lane.

    A batch that is cut while one before it stands at the gate can take in nothing that
    comes meanwhile: so there is none, and a batch that is not full is cut at the last
    moment. With a backlog batches fill while they wait.

    Args:
        klaviyo: Sends the requests.
        rank: Of the lane at the gate; the lowest goes first.
    """

    def __init__(self, klaviyo: KlaviyoClient, *, rank: int) -> None:
        self._klaviyo = klaviyo
        self._rank = rank
        self._clients: dict[tuple[str, bool], KlaviyoClient] = {}

    def client_for(self, batch_key: BatchKey) -> KlaviyoClient:
        """Give the client of a group's kind."""
        client_key = (batch_key.kind, batch_key.low_priority)
        if client_key not in self._clients:
            self._clients[client_key] = self._klaviyo.with_priority(
                LOWEST_PRIORITY_RANK if batch_key.low_priority else self._rank
            )
        return self._clients[client_key]

    def has_no_waiting_request(self, batch_key: BatchKey) -> bool:
        """Whether nothing of a group's kind stands at the gate."""
        return not self.client_for(batch_key).waiting_count

    def is_due(self, batch_key: BatchKey) -> bool:
        """Whether a request of a group's kind could leave as soon as it is written."""
        return all(
            self._klaviyo.send_delay_s(endpoint) <= CUT_AHEAD_S
            for endpoint in ENDPOINTS_BY_KIND[batch_key.kind]
        )
