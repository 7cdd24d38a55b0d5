"""The way off a list: no member is asked to leave it twice.

A request whose answer was lost may have been carried out. Sent again, it would find
profiles that are no members any more, and Klaviyo would unsubscribe them globally. So
before it is sent again, who is still on the list is asked.
"""

import asyncio
from collections.abc import Sequence

import msgspec

from streams.klaviyo import consent_requests
from streams.klaviyo.answers import (
    Accepted,
    NotFound,
    OperatorFault,
    Rejected,
    Settled,
    Temporary,
    Throttled,
)
from streams.klaviyo.caller import Caller
from streams.klaviyo.isolate import Parted, apart, chunked
from streams.klaviyo.lane_quotas import UNSUBSCRIBE
from streams.klaviyo.leavers import Leaver
from streams.klaviyo.ledger import Ledger
from streams.klaviyo.lists import list_exists
from streams.klaviyo.memberships import find_members

SETTLE_S = 10.0
"""So long after a lost answer who is still on the list is asked: Klaviyo takes a job
before it does it, and publishes no time for that."""

_ACCEPTED = 202


class Exit:
    """Leads members off one list.

    Args:
        client: Sends the requests.
        list_id: Klaviyo's id of the list.
        ledger: Takes the verdicts.
    """

    def __init__(self, client: Caller, list_id: str, *, ledger: Ledger) -> None:
        self._client = client
        self._list_id = list_id
        self._ledger = ledger
        self._left: set[str] = set()

    async def lead(self, leavers: Sequence[Leaver]) -> bool:
        """Unsubscribe members from the list.

        Returns:
            Whether the list exists; if not, nothing is settled.
        """
        limit = UNSUBSCRIBE.limit
        chunks = chunked(
            leavers, count_max=limit.items, weight=lambda _: 0, weight_max=0
        )
        parts = await asyncio.gather(
            *(apart(chunk, send=self._send, gone=self._gone) for chunk in chunks)
        )
        if any(part.gone for part in parts):
            return False
        self._settle(parts)
        return True

    async def _send(self, chunk: tuple[Leaver, ...]) -> Settled:
        attempts = 0
        while here := [one for one in chunk if one.profile_id not in self._left]:
            resources = [leaver.resource() for leaver in here]
            request = consent_requests.unsubscribe(resources, list_id=self._list_id)
            answer = await self._client.attempt(request)
            attempts += 1
            self._ledger.carried((i for one in here for i in one.places), attempts=1)
            match answer:
                case Throttled() | OperatorFault():
                    pass
                case Temporary():
                    await self._look_again(here)
                case settled:
                    return _by_place(settled, here=here, chunk=chunk)
        return Accepted(status=_ACCEPTED, attempts=attempts, unsure=True)

    async def _look_again(self, leavers: list[Leaver]) -> None:
        """Find out who has left though the answer was lost."""
        await self._client.pause(SETTLE_S)
        names = {at: leaver.names for at, leaver in enumerate(leavers)}
        scratch = Ledger(len(leavers))
        hits = await find_members(
            self._client, names, list_id=self._list_id, ledger=scratch
        )
        if hits is None:
            return  # the next answer says so too
        staying = {one for found in hits.values() for one in found.values()}
        self._left |= {one.profile_id for one in leavers} - staying

    async def _gone(self) -> bool:
        return not await list_exists(self._client, self._list_id)

    def _settle(self, parts: Sequence[Parted[Leaver]]) -> None:
        """Write the verdicts; an item of two leavers needs both to go well."""
        for part in parts:
            for taken, answer in part.taken:
                for leaver in taken:
                    self._ledger.delivered(leaver.places, status=answer.status)
        for part in parts:
            for one in part.refused:
                for index in one.item.places:
                    self._ledger.dead_letter(index, one.reason, status=one.status)


def _by_place(
    answer: Settled, *, here: list[Leaver], chunk: tuple[Leaver, ...]
) -> Settled:
    """Let an answer about some of a chunk name their places in the whole."""
    if not isinstance(answer, Rejected | NotFound):
        return answer
    places = {leaver.profile_id: at for at, leaver in enumerate(chunk)}
    items = {
        places[here[at].profile_id]: why
        for at, why in answer.items.items()
        if at < len(here)
    }
    return msgspec.structs.replace(answer, items=items)
