"""Retry of consent changes without a phone number that Klaviyo refuses.

An account sends SMS to some countries only, and Klaviyo refuses the whole row of a
number elsewhere. The consent for e-mail beside it is valid, so it is sent without the
number.
"""

import re
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

import msgspec

from streams.actions.intents import Consent, ConsentChange
from streams.delivery.verdict import ItemVerdict, Verdict
from streams.klaviyo.payloads.consent_changes import channels_of

_BAD_REQUEST: Final = 400

_MEMBER: Final = re.compile(r" at /(\S+)$").search
"""Path of the refused member at the end of a reason
(`streams.klaviyo.api.error_reasons.describe_error`)."""

_PHONE_MEMBERS: Final = frozenset({"phone_number", "sms", "whatsapp"})

_SendChanges = Callable[[list[ConsentChange]], Awaitable[list[ItemVerdict]]]


async def send_despite_phones(
    changes: Sequence[ConsentChange], *, send: _SendChanges
) -> list[ItemVerdict]:
    """Send consent changes; resend a change without a phone number that is refused.

    Args:
        changes: Changes to send.
        send: Sends changes, and returns a verdict for each.

    Returns:
        A verdict for each change, in order. `delivered` has the reason `dropped: ...`
        with the channels that were left out, and the reason of the refusal.
    """
    verdicts = await send(list(changes))
    reduced = {
        index: change
        for index, verdict in enumerate(verdicts)
        if _may_blame_phone(verdict)
        and (change := _without_phone(changes[index])) is not None
    }
    if not reduced:
        return verdicts
    retried = await send(list(reduced.values()))
    for index, second in zip(reduced, retried, strict=True):
        first = verdicts[index]
        attempts = first.attempts + second.attempts
        if second.verdict is Verdict.DELIVERED:
            lost = sorted(channels_of(changes[index]) - channels_of(reduced[index]))
            reason = f"dropped: {', '.join(lost)} ({first.reason})"
            verdicts[index] = msgspec.structs.replace(
                second, reason=reason, attempts=attempts
            )
        else:
            verdicts[index] = msgspec.structs.replace(first, attempts=attempts)
    return verdicts


def _may_blame_phone(verdict: ItemVerdict) -> bool:
    """Return True for a refusal that names the phone number, or no member at all."""
    if verdict.verdict is not Verdict.DEAD_LETTER or verdict.status != _BAD_REQUEST:
        return False
    match = _MEMBER(verdict.reason)
    return match is None or not _PHONE_MEMBERS.isdisjoint(match[1].split("/"))


def _without_phone(change: ConsentChange) -> ConsentChange | None:
    """Return a change without the phone number; None if no change can be resent.

    A profile that is asked twice to leave a list is unsubscribed globally, and a part
    of a refused withdrawal from a list may have been accepted.
    """
    if change.consent is Consent.UNSUBSCRIBED and change.list_id:
        return None
    channels = tuple(
        channel
        for channel in sorted(channels_of(change))
        if channel.address_field != "phone_number"
    )
    if not channels or "phone_number" not in change.profile:
        return None
    profile = {k: v for k, v in change.profile.items() if k != "phone_number"}
    return msgspec.structs.replace(change, channels=channels, profile=profile)
