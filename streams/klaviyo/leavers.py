"""Members who leave a list: each once in a request, whatever they asked how often.

Klaviyo takes a profile off the list and, when it comes again, unsubscribes it globally:
so all that one profile asks goes together.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from streams.klaviyo.consent_items import Channel, PushToken, UnsubscribeItem
from streams.klaviyo.consent_requests import consent_resource
from streams.klaviyo.memberships import Hits

UNSUBSCRIBED = {"consent": "UNSUBSCRIBED"}


@dataclass(slots=True, kw_only=True, eq=False)
class Leaver:
    """One member.

    Attributes:
        profile_id: Klaviyo's id.
        names: Its addresses.
        channels: What it unsubscribes from.
        tokens: Its devices.
        places: The places of its items.
    """

    profile_id: str
    names: dict[str, str] = field(default_factory=dict)
    channels: set[Channel] = field(default_factory=set)
    tokens: list[PushToken] = field(default_factory=list)
    places: dict[int, None] = field(default_factory=dict)

    def resource(self) -> bytes:
        """Encode it."""
        return consent_resource(
            self.names,
            self.channels,
            consent=UNSUBSCRIBED,
            push_tokens=self.tokens,
        )


def addresses_of(item: UnsubscribeItem) -> dict[str, str]:
    """Give the addresses its channels write to; all of them where none does."""
    given = {"email": item.email, "phone_number": item.phone_number}
    wanted = {channel.address for channel in item.channels} - {""} or set(given)
    return {name: value for name, value in given.items() if value and name in wanted}


def leavers(
    items: Mapping[int, UnsubscribeItem], hits: Hits, *, strangers: Collection[int]
) -> list[Leaver]:
    """Gather what each member asks.

    Args:
        items: Place → item, each with at least one hit.
        hits: Which address is whose.
        strangers: Places of items whose other address is someone's who is not on the
            list: that one is left alone. An address that is nobody's goes along.
    """
    found: dict[str, Leaver] = {}
    for place, item in items.items():
        first = next(iter(hits[place].values()))
        for name, value in addresses_of(item).items():
            if name not in hits[place] and place in strangers:
                continue
            profile_id = hits[place].get(name, first)
            leaver = found.setdefault(profile_id, Leaver(profile_id=profile_id))
            leaver.names[name] = value
            leaver.channels |= {one for one in item.channels if one.address == name}
            leaver.places[place] = None
        if Channel.PUSH in item.channels:
            found[first].channels.add(Channel.PUSH)
            tokens = found[first].tokens
            tokens += [one for one in item.push_tokens if one not in tokens]
    return list(found.values())
