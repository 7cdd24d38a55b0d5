"""Lookup of e-mail consent by address: the person's withdrawals, with times."""

import asyncio
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from typing import Any, Final, TypeAlias

import msgspec

from streams.events.time import parse_timestamp_s
from streams.klaviyo.api import requests
from streams.klaviyo.api.endpoints import URL_MAX_BYTES
from streams.klaviyo.api.pagination import fetch_all_pages
from streams.klaviyo.api.requests import KlaviyoApi
from streams.klaviyo.api.responses import resource_attributes, resource_id, resources
from streams.klaviyo.api.results import FinalResult
from streams.klaviyo.batching.items import send_with_bisect
from streams.klaviyo.lookups.profile_lookup import chunk_values

WITHDRAWAL_PROPERTY: Final = "klaviyo_streams_withdrawal"
"""Custom property of a profile whose new address has yet to be unsubscribed."""

UNSUBSCRIBED: Final = "unsubscribed"
SUPPRESSED: Final = "suppressed"

_WITHDRAWAL_BY_REASON: Final = {
    "UNSUBSCRIBE": UNSUBSCRIBED,
    "SPAM_COMPLAINT": UNSUBSCRIBED,
    "USER_SUPPRESSED": SUPPRESSED,
}
"""Reason of a suppression -> withdrawal. A bounce is a fault of one mailbox."""

_VALUES_MAX_BYTES: Final = URL_MAX_BYTES - len(requests.find_consents(()).target)

Withdrawals: TypeAlias = dict[str, str]
"""`unsubscribed` or `suppressed` -> time in ISO 8601; empty for an unknown time."""


class EmailConsent(msgspec.Struct, frozen=True, kw_only=True):
    """E-mail consent of a profile.

    Attributes:
        profile_id: Klaviyo's id of the profile.
        is_subscribed: True if the address is subscribed.
        consented_at: Time of the consent or its withdrawal, ISO 8601.
        withdrawals: Withdrawals of consent in force.
        unfinished: Withdrawals of the profile's previous address that an earlier
            operation has noted on the profile.
    """

    profile_id: str
    is_subscribed: bool = False
    consented_at: str = ""
    withdrawals: Withdrawals = {}
    unfinished: Withdrawals = {}

    def standing(self) -> Withdrawals:
        """Return the withdrawals that hold for the person of the profile."""
        unfinished = {
            name: self.unfinished[name] for name in self.missing(self.unfinished)
        }
        return unfinished | self.withdrawals

    def missing(self, withdrawals: Withdrawals) -> list[str]:
        """Return the withdrawals to repeat for this address.

        A subscription that is newer than a withdrawal is consent for this address.
        """
        return sorted(
            name
            for name, at in withdrawals.items()
            if name not in self.withdrawals
            and not (self.is_subscribed and _is_later(self.consented_at, at))
        )


NO_PROFILE: Final = EmailConsent(profile_id="")
"""Consent for an address that no profile has."""

EmailConsents: TypeAlias = dict[str, EmailConsent]
"""Address in lower case -> consent of its profile."""


async def find_email_consents(
    client: KlaviyoApi, emails: Iterable[str]
) -> tuple[EmailConsents, dict[str, str]]:
    """Find the consents for addresses.

    Args:
        client: Sends the requests.
        emails: Addresses in lower case.

    Returns:
        The consents for the addresses that have a profile; and the reasons for those
        that Klaviyo does not look up.
    """
    values = sorted(set(emails))
    results = await asyncio.gather(
        *(
            send_with_bisect(chunk, send=partial(_request_chunk, client))
            for chunk in chunk_values(values, max_bytes=_VALUES_MAX_BYTES)
        )
    )
    rows = (
        row
        for result in results
        for _, answer in result.accepted
        for row in resources(answer.data)
    )
    rejected = {
        rejected.item: rejected.reason
        for result in results
        for rejected in result.rejected
    }
    return dict(map(_parse, rows)), rejected


async def _request_chunk(client: KlaviyoApi, emails: tuple[str, ...]) -> FinalResult:
    return await fetch_all_pages(client, requests.find_consents(emails))


def _parse(row: Mapping[str, Any]) -> tuple[str, EmailConsent]:
    attributes = resource_attributes(row)
    marketing = _object(attributes, "subscriptions", "email", "marketing")
    properties = _object(attributes, "properties")
    consent = EmailConsent(
        profile_id=resource_id(row),
        is_subscribed=marketing.get("consent") == "SUBSCRIBED",
        consented_at=str(marketing.get("consent_timestamp") or ""),
        withdrawals=dict(_withdrawals(marketing)),
        unfinished=_withdrawal_times(_object(properties, WITHDRAWAL_PROPERTY)),
    )
    return str(attributes.get("email")).lower(), consent


def _withdrawals(marketing: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for suppression in marketing.get("suppression") or ():
        if name := _WITHDRAWAL_BY_REASON.get(suppression.get("reason")):
            yield name, str(suppression.get("timestamp") or "")
    if marketing.get("consent") == "UNSUBSCRIBED":
        yield UNSUBSCRIBED, str(marketing.get("consent_timestamp") or "")


def _withdrawal_times(times: Mapping[str, Any]) -> Withdrawals:
    """Return the withdrawals of a custom property, open to edits by any user."""
    names = (UNSUBSCRIBED, SUPPRESSED)
    return {name: str(times[name] or "") for name in names if name in times}


def _object(value: Mapping[str, Any], *names: str) -> Mapping[str, Any]:
    """Return a nested object; empty where there is none."""
    for name in names:
        member = value.get(name)
        value = member if isinstance(member, Mapping) else {}
    return value


def _is_later(first: str, second: str) -> bool:
    """Return True if a time is known to be later than another."""
    first_s, second_s = parse_timestamp_s(first), parse_timestamp_s(second)
    return first_s is not None and second_s is not None and first_s > second_s
