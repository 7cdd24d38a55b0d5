"""Removal of subscribers from a list, with a single request for each member.

Klaviyo unsubscribes a profile globally that is not on the list of the request. A
request whose response was lost may have been carried out, and the members may have left
the list already. So before such a request is sent again, the members that are still on
the list are looked up.
"""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from streams.actions.intents import Channel, Consent, ConsentChange
from streams.chunks import chunk_by_weight
from streams.klaviyo.api.endpoints import UNSUBSCRIBE
from streams.klaviyo.api.requests import KlaviyoApi
from streams.klaviyo.api.results import (
    Accepted,
    FinalResult,
    ListGone,
    OperatorFault,
    Temporary,
    Throttled,
)
from streams.klaviyo.batching.items import (
    BisectResult,
    VerdictCollector,
    send_with_bisect,
    translate_positions,
)
from streams.klaviyo.lookups.lists import is_list_gone
from streams.klaviyo.lookups.member_lookup import MemberIds, find_list_members
from streams.klaviyo.payloads import consent_requests
from streams.klaviyo.payloads.consent_changes import channel_addresses, channels_of
from streams.klaviyo.payloads.consent_requests import PushToken

JOB_SETTLE_S = 10.0
"""Wait after a lost response before members are looked up; our choice.

Klaviyo accepts a job before carrying out the job, and publishes no time limit."""

_ACCEPTED = 202


@dataclass(slots=True, kw_only=True, eq=False)
class LeavingMember:
    """Member of a list, with all consent that the member withdraws.

    Attributes:
        profile_id: Klaviyo's id.
        addresses: Addresses of the member.
        channels: Channels to unsubscribe from.
        push_tokens: Devices of the member.
        indices: Indices of the member's changes.
    """

    profile_id: str
    addresses: dict[str, str] = field(default_factory=dict)
    channels: set[Channel] = field(default_factory=set)
    push_tokens: list[PushToken] = field(default_factory=list)
    indices: dict[int, None] = field(default_factory=dict)

    def resource(self) -> bytes:
        """Encode the member for a request."""
        return consent_requests.consent_resource(
            self.addresses,
            self.channels,
            consent={"consent": Consent.UNSUBSCRIBED.value},
            push_tokens=self.push_tokens,
        )


def collect_leaving_members(
    changes: Mapping[int, ConsentChange],
    member_ids: MemberIds,
    *,
    non_member_indices: Collection[int],
) -> list[LeavingMember]:
    """Gather all changes of each member into a single entry.

    Klaviyo unsubscribes a profile globally that occurs twice, because the profile has
    already left the list at the second occurrence.

    Args:
        changes: Index -> change with at least one address of a member.
        member_ids: Member that has the address, for each index and field.
        non_member_indices: Indices of changes whose other address belongs to a profile
            that is not on the list: such an address is left out. An address without a
            profile goes with the member.
    """
    members: dict[str, LeavingMember] = {}
    for index, change in changes.items():
        channels = channels_of(change)
        first_id = next(iter(member_ids[index].values()))
        for name, value in channel_addresses(change).items():
            if name not in member_ids[index] and index in non_member_indices:
                continue
            profile_id = member_ids[index].get(name, first_id)
            member = members.setdefault(
                profile_id, LeavingMember(profile_id=profile_id)
            )
            member.addresses[name] = value
            member.channels |= {
                channel for channel in channels if channel.address_field == name
            }
            member.indices[index] = None
        if Channel.PUSH in channels:
            members[first_id].channels.add(Channel.PUSH)
            push_tokens = members[first_id].push_tokens
            push_tokens += [
                token for token in change.push_tokens if token not in push_tokens
            ]
    return list(members.values())


class ListUnsubscriber:
    """Sender of the requests that unsubscribe members from a list.

    Args:
        client: Sends the requests.
        list_id: Klaviyo's id of the list.
        collector: Receives the verdicts.
    """

    def __init__(
        self, client: KlaviyoApi, list_id: str, *, collector: VerdictCollector
    ) -> None:
        self._client = client
        self._list_id = list_id
        self._collector = collector
        self._unsubscribed_ids: set[str] = set()

    async def unsubscribe(self, members: Sequence[LeavingMember]) -> ListGone | None:
        """Unsubscribe members from the list.

        Returns:
            `ListGone` if the list does not exist; there are no verdicts then.
        """
        limit = UNSUBSCRIBE.limit
        chunks = chunk_by_weight(
            members, count_max=limit.items, weight=lambda _: 0, weight_max=0
        )
        list_check = partial(is_list_gone, self._client, self._list_id)
        results = await asyncio.gather(
            *(
                send_with_bisect(chunk, send=self._send, is_list_gone=list_check)
                for chunk in chunks
            )
        )
        if any(result.is_list_gone for result in results):
            return ListGone(list_id=self._list_id)
        self._record_verdicts(results)
        return None

    async def _send(self, chunk: tuple[LeavingMember, ...]) -> FinalResult:
        attempts = 0
        while remaining := self._remaining(chunk):
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
                    positions = [chunk.index(member) for member in remaining]
                    return translate_positions(result, positions)
        return Accepted(status=_ACCEPTED, attempts=attempts, is_uncertain=True)

    def _remaining(self, chunk: tuple[LeavingMember, ...]) -> list[LeavingMember]:
        return [
            member
            for member in chunk
            if member.profile_id not in self._unsubscribed_ids
        ]

    async def _find_unsubscribed(self, members: list[LeavingMember]) -> None:
        """Find the members that have left the list although the response was lost."""
        await self._client.pause(JOB_SETTLE_S)
        addresses = {index: member.addresses for index, member in enumerate(members)}
        unused_collector = VerdictCollector(len(members))
        member_ids = await find_list_members(
            self._client, addresses, list_id=self._list_id, collector=unused_collector
        )
        if isinstance(member_ids, ListGone):
            return  # the next result reports the missing list too
        remaining_ids = {
            profile_id for ids in member_ids.values() for profile_id in ids.values()
        }
        self._unsubscribed_ids |= {
            member.profile_id for member in members
        } - remaining_ids

    def _record_verdicts(self, results: Sequence[BisectResult[LeavingMember]]) -> None:
        """Record the verdicts; a change of two members needs success for both."""
        for result in results:
            for members, answer in result.accepted:
                for member in members:
                    self._collector.mark_delivered(member.indices, status=answer.status)
        for result in results:
            for rejected in result.rejected:
                for index in rejected.item.indices:
                    self._collector.mark_dead_letter(
                        index, rejected.reason, status=rejected.status
                    )
