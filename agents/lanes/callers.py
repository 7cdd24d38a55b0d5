"""Clients of one lane: what of it waits at the gate is cut into no more batches."""

from collections.abc import Mapping
from typing import Final

from streams.actions.activation import Lane
from streams.delivery.queue import Group
from streams.klaviyo.client import KlaviyoClient
from streams.klaviyo.lane_quotas import (
    CREATE_EVENTS,
    REQUEST_DELETION,
    SUBSCRIBE,
    SUPPRESS,
    UNSUBSCRIBE,
    UNSUPPRESS,
)
from streams.klaviyo.quotas import (
    GET_PROFILES,
    IMPORT_PROFILES,
    REMOVE_MEMBERS,
    UPSERT_PROFILE,
    Endpoint,
)

LEAD_S = 0.06
"""A batch is cut so long before its request may leave: once a tick is looked for one,
and what it needs is written meanwhile."""

ASKED: Final[Mapping[str, tuple[Endpoint, ...]]] = {
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

LAST = len(Lane)
"""The rank of the past, backfill and replays: behind every lane."""


class Callers:
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
        self._of: dict[tuple[str, bool], KlaviyoClient] = {}

    def of(self, group: Group) -> KlaviyoClient:
        """Give the client of a group's kind."""
        kind = (group.kind, group.past)
        if kind not in self._of:
            self._of[kind] = self._klaviyo.ranked(LAST if group.past else self._rank)
        return self._of[kind]

    def is_free(self, group: Group) -> bool:
        """Whether nothing of a group's kind stands at the gate."""
        return not self.of(group).waiting

    def is_due(self, group: Group) -> bool:
        """Whether a request of a group's kind could leave as soon as it is written."""
        return all(self._klaviyo.wait_s(one) <= LEAD_S for one in ASKED[group.kind])
