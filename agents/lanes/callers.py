"""Clients of one lane: what of it waits at the gate is cut into no more batches."""

from streams.actions.activation import Lane
from streams.delivery.queue import Group
from streams.klaviyo.client import KlaviyoClient

LAST = len(Lane)
"""The rank of the past, backfill and replays: behind every lane."""


class Callers:
    """A client for each kind of request of a lane.

    A batch that is cut while one before it stands at the gate can take in nothing that
    comes meanwhile: so there is none. With a backlog batches fill while they wait.

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
