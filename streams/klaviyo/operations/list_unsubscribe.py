"""The way off a list: no member is asked to leave it twice.

A request whose answer was lost may have been carried out. Sent again, it would find
profiles that are no members any more, and Klaviyo would unsubscribe them globally. So
before it is sent again, who is still on the list is asked.
"""

import asyncio
from collections.abc import Sequence

import msgspec

from streams.chunks import chunk_by_weight
from streams.klaviyo.api.endpoints import UNSUBSCRIBE
from streams.klaviyo.api.pagination import list_exists
from streams.klaviyo.api.protocol import KlaviyoApi
from streams.klaviyo.api.results import (
    Accepted,
    FinalResult,
    NotFound,
    OperatorFault,
    Rejected,
    Temporary,
    Throttled,
)
from streams.klaviyo.batching.bisect import BisectResult, send_with_bisect
from streams.klaviyo.batching.verdicts import VerdictCollector
from streams.klaviyo.lookups.member_lookup import find_list_members
from streams.klaviyo.operations.leaving_members import LeavingMember
from streams.klaviyo.payloads import consent_requests

JOB_SETTLE_S = 10.0
"""So long after a lost answer who is still on the list is asked: Klaviyo takes a job
before it does it, and publishes no time for that."""

_ACCEPTED = 202


class ListUnsubscriber:
    """Leads members off one list.

    Args:
        client: Sends the requests.
        list_id: Klaviyo's id of the list.
        collector: Takes the verdicts.
    """

    def __init__(
        self, client: KlaviyoApi, list_id: str, *, collector: VerdictCollector
    ) -> None:
        self._client = client
        self._list_id = list_id
        self._collector = collector
        self._unsubscribed_ids: set[str] = set()

    async def unsubscribe(self, members: Sequence[LeavingMember]) -> bool:
        """Unsubscribe members from the list.

        Returns:
            Whether the list exists; if not, nothing is settled.
        """
        limit = UNSUBSCRIBE.limit
        chunks = chunk_by_weight(
            members, count_max=limit.items, weight=lambda _: 0, weight_max=0
        )
        results = await asyncio.gather(
            *(
                send_with_bisect(
                    chunk, send=self._send, is_list_gone=self._is_list_gone
                )
                for chunk in chunks
            )
        )
        if any(result.is_list_gone for result in results):
            return False
        self._record_verdicts(results)
        return True

    async def _send(self, chunk: tuple[LeavingMember, ...]) -> FinalResult:
        attempts = 0
        while remaining := [
            member
            for member in chunk
            if member.profile_id not in self._unsubscribed_ids
        ]:
            resources = [member.resource() for member in remaining]
            request = consent_requests.unsubscribe_profiles(
                resources, list_id=self._list_id
            )
            answer = await self._client.attempt(request)
            attempts += 1
            self._collector.count_attempts(
                (index for member in remaining for index in member.indices), attempts=1
            )
            match answer:
                case Throttled() | OperatorFault():
                    pass
                case Temporary():
                    await self._find_unsubscribed(remaining)
                case result:
                    return _reasons_by_member(result, remaining=remaining, chunk=chunk)
        return Accepted(status=_ACCEPTED, attempts=attempts, is_uncertain=True)

    async def _find_unsubscribed(self, members: list[LeavingMember]) -> None:
        """Find out who has left though the answer was lost."""
        await self._client.pause(JOB_SETTLE_S)
        addresses = {index: member.addresses for index, member in enumerate(members)}
        unused_collector = VerdictCollector(len(members))
        member_ids = await find_list_members(
            self._client, addresses, list_id=self._list_id, collector=unused_collector
        )
        if member_ids is None:
            return  # the next answer says so too
        remaining_ids = {
            member
            for ids_by_field in member_ids.values()
            for member in ids_by_field.values()
        }
        self._unsubscribed_ids |= {
            member.profile_id for member in members
        } - remaining_ids

    async def _is_list_gone(self) -> bool:
        return not await list_exists(self._client, self._list_id)

    def _record_verdicts(self, results: Sequence[BisectResult[LeavingMember]]) -> None:
        """Write the verdicts; an item of two leavers needs both to go well."""
        for result in results:
            for taken, answer in result.accepted:
                for member in taken:
                    self._collector.mark_delivered(member.indices, status=answer.status)
        for result in results:
            for refused in result.rejected:
                for index in refused.item.indices:
                    self._collector.mark_dead_letter(
                        index, refused.reason, status=refused.status
                    )


def _reasons_by_member(
    answer: FinalResult,
    *,
    remaining: list[LeavingMember],
    chunk: tuple[LeavingMember, ...],
) -> FinalResult:
    """Let an answer about some of a chunk name their places in the whole."""
    if not isinstance(answer, Rejected | NotFound):
        return answer
    positions = {member.profile_id: position for position, member in enumerate(chunk)}
    items = {
        positions[remaining[position].profile_id]: reason
        for position, reason in answer.item_reasons.items()
        if position < len(remaining)
    }
    return msgspec.structs.replace(answer, item_reasons=items)
