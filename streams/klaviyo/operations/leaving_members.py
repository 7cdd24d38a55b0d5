"""Members who leave a list: each once in a request, whatever they asked how often.

Klaviyo takes a profile off the list and, when it comes again, unsubscribes it globally:
so all that one profile asks goes together.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from streams.klaviyo.lookups.member_lookup import MemberIds
from streams.klaviyo.payloads.consent_items import Channel, PushToken, UnsubscribeItem
from streams.klaviyo.payloads.consent_requests import consent_resource

UNSUBSCRIBED_CONSENT = {"consent": "UNSUBSCRIBED"}


@dataclass(slots=True, kw_only=True, eq=False)
class LeavingMember:
    """One member.

    Attributes:
        profile_id: Klaviyo's id.
        addresses: Its addresses.
        channels: What it unsubscribes from.
        push_tokens: Its devices.
        indices: The places of its items.
    """

    profile_id: str
    addresses: dict[str, str] = field(default_factory=dict)
    channels: set[Channel] = field(default_factory=set)
    push_tokens: list[PushToken] = field(default_factory=list)
    indices: dict[int, None] = field(default_factory=dict)

    def resource(self) -> bytes:
        """Encode it."""
        return consent_resource(
            self.addresses,
            self.channels,
            consent=UNSUBSCRIBED_CONSENT,
            push_tokens=self.push_tokens,
        )


def addresses_of(item: UnsubscribeItem) -> dict[str, str]:
    """Give the addresses its channels write to; all of them where none does."""
    addresses = {"email": item.email, "phone_number": item.phone_number}
    fields = {channel.address_field for channel in item.channels} - {""} or set(
        addresses
    )
    return {
        name: value for name, value in addresses.items() if value and name in fields
    }


def collect_leaving_members(
    items: Mapping[int, UnsubscribeItem],
    member_ids: MemberIds,
    *,
    non_member_indices: Collection[int],
) -> list[LeavingMember]:
    """Gather what each member asks.

    Args:
        items: Place → item, each with at least one hit.
        member_ids: Which address is whose.
        non_member_indices: Places of items whose other address is someone's who is not on the
            list: that one is left alone. An address that is nobody's goes along.
    """
    members: dict[str, LeavingMember] = {}
    for index, item in items.items():
        first_id = next(iter(member_ids[index].values()))
        for name, value in addresses_of(item).items():
            if name not in member_ids[index] and index in non_member_indices:
                continue
            profile_id = member_ids[index].get(name, first_id)
            member = members.setdefault(
                profile_id, LeavingMember(profile_id=profile_id)
            )
            member.addresses[name] = value
            member.channels |= {
                channel for channel in item.channels if channel.address_field == name
            }
            member.indices[index] = None
        if Channel.PUSH in item.channels:
            members[first_id].channels.add(Channel.PUSH)
            push_tokens = members[first_id].push_tokens
            push_tokens += [
                channel for channel in item.push_tokens if channel not in push_tokens
            ]
    return list(members.values())
