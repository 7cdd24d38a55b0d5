"""Changes of e-mail address: a withdrawal of consent outlives the previous address.

Klaviyo does not document what becomes of consent when the address of a profile changes.
If consent goes with the address, the withdrawal cannot be read once the profile has the
new one. So it is read before, and the same request that writes the new address notes it
on the profile; a worker that takes over after a crash finds it there.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, TypeAlias, TypeVar

import msgspec

from streams.actions.intents import (
    Channel,
    Consent,
    ConsentChange,
    ListAdd,
    ProfileUpsert,
    Suppression,
)
from streams.delivery.verdict import ItemVerdict, Verdict, dead_letter
from streams.klaviyo.api.import_jobs import JobTrackingClient, wait_for_imports
from streams.klaviyo.api.results import ListGone
from streams.klaviyo.lookups.email_consents import (
    NO_PROFILE,
    SUPPRESSED,
    UNSUBSCRIBED,
    WITHDRAWAL_PROPERTY,
    EmailConsent,
    find_email_consents,
)
from streams.klaviyo.operations.list_unsubscribe import JOB_SETTLE_S
from streams.klaviyo.operations.suppressions import suppress
from streams.klaviyo.operations.unsubscribe import unsubscribe
from streams.klaviyo.operations.upserts import patch_profiles

IntentT = TypeVar("IntentT", bound=ListAdd | ProfileUpsert)
ValueT = TypeVar("ValueT")

UpdateVerdicts: TypeAlias = list[ItemVerdict] | ListGone

NOT_SUBSCRIBED: Final = "not-subscribed: only the previous address is"
"""Note for a subscription that the new address does not have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressChange:
    """Change of the address of a person.

    Attributes:
        index: Index among the intents of the operation.
        email: New address in lower case.
        previous: Consent for the latest previous address that has a profile.
        current: Consent for the new address, once it is written.
        unread: Reason for which an address could not be looked up; empty for none.
        is_written: True if Klaviyo accepted the new address.
    """

    index: int
    email: str
    previous: EmailConsent = NO_PROFILE
    current: EmailConsent = NO_PROFILE
    unread: str = ""
    is_written: bool = False

    def due(self) -> list[str]:
        """Return the withdrawals to repeat for the new address.

        Without a delivery, only a note on the profile proves that it was written.
        """
        previous = self.previous.standing() if self.is_written else {}
        return self.current.missing(self.current.unfinished | previous)

    def notes(self) -> list[str]:
        """Return the notes for the outcome."""
        notes = [f"withdrawal-kept: {name}, as before" for name in self.due()]
        if self.previous.is_subscribed and not self.current.is_subscribed:
            notes.append(NOT_SUBSCRIBED)
        if self.unread:
            notes.append(f"consent-unread: {self.unread}")
        return notes


async def change_addresses(
    client: JobTrackingClient,
    intents: Sequence[IntentT],
    *,
    send: Callable[[Sequence[IntentT]], Awaitable[UpdateVerdicts]],
) -> UpdateVerdicts:
    """Send updates, and repeat withdrawals of consent for addresses that are new.

    A new address is unsubscribed or suppressed as the previous one was, and never
    subscribed. Without a change of address there is no further request. Import jobs of
    this worker that hold the previous address end first: they would bring it back.

    Args:
        client: Sends the requests.
        intents: Updates to send.
        send: Sends the updates.

    Returns:
        A verdict for each intent, in order, or `ListGone`, as `send` returned.
        `delivered` says what was repeated; a refused withdrawal is a dead letter.
    """
    if not any(intent.previous_emails for intent in intents):
        return await send(intents)
    previous_emails = (email for intent in intents for email in intent.previous_emails)
    await wait_for_imports(client, client.jobs.open_jobs_with(previous_emails))
    changes = await _find_changes(client, intents)
    verdicts = await send(_note_withdrawals(intents, changes))
    changes = await _find_results(client, changes, verdicts)
    if any(change.due() for change in changes):
        # A subscription of the new address may have been accepted a moment ago.
        await client.pause(JOB_SETTLE_S)
        changes = await _find_results(client, changes, verdicts)
    refusals = await _withdraw(client, changes)
    await _remove_notes(client, (c for c in changes if c.email not in refusals))
    if isinstance(verdicts, ListGone):
        return verdicts
    by_index = {change.index: change for change in changes}
    return [
        _with_notes(verdict, by_index[index], refusals)
        if index in by_index
        else verdict
        for index, verdict in enumerate(verdicts)
    ]


async def _find_changes(
    client: JobTrackingClient, intents: Sequence[ListAdd | ProfileUpsert]
) -> list[AddressChange]:
    """Look up the consent for previous addresses; the latest with a profile counts."""
    previous_emails = (email for intent in intents for email in intent.previous_emails)
    consents, rejected = await find_email_consents(client, previous_emails)
    return [
        AddressChange(
            index=index,
            email=str(intent.profile.get("email")).strip().lower(),
            previous=_first(consents, intent.previous_emails, default=NO_PROFILE),
            unread=_first(rejected, intent.previous_emails, default=""),
        )
        for index, intent in enumerate(intents)
        if intent.previous_emails
    ]


async def _find_results(
    client: JobTrackingClient,
    changes: Sequence[AddressChange],
    verdicts: UpdateVerdicts,
) -> list[AddressChange]:
    """Look up the consent for the new addresses."""
    consents, rejected = await find_email_consents(client, (c.email for c in changes))
    return [
        replace(
            change,
            current=consents.get(change.email, NO_PROFILE),
            unread=change.unread or rejected.get(change.email, ""),
            is_written=_is_written(verdicts, change.index),
        )
        for change in changes
    ]


def _first(
    values: Mapping[str, ValueT], keys: Iterable[str], *, default: ValueT
) -> ValueT:
    return next((values[key] for key in keys if key in values), default)


def _note_withdrawals(
    intents: Sequence[IntentT], changes: Iterable[AddressChange]
) -> list[IntentT]:
    """Note on each profile the withdrawals to repeat for the new address."""
    noted = list(intents)
    for change in changes:
        if withdrawals := change.previous.standing():
            profile = noted[change.index].profile
            properties = (profile.get("properties") or {}) | {
                WITHDRAWAL_PROPERTY: withdrawals
            }
            noted[change.index] = msgspec.structs.replace(
                noted[change.index], profile={**profile, "properties": properties}
            )
    return noted


def _is_written(verdicts: UpdateVerdicts, index: int) -> bool:
    if isinstance(verdicts, ListGone):
        return False
    return verdicts[index].verdict is Verdict.DELIVERED


async def _withdraw(
    client: JobTrackingClient, changes: Iterable[AddressChange]
) -> dict[str, str]:
    """Withdraw consent for new addresses; return the reason of each refusal."""
    due = [(change.email, name) for change in changes for name in change.due()]
    unsubscribed = [email for email, name in due if name == UNSUBSCRIBED]
    suppressed = [email for email, name in due if name == SUPPRESSED]
    verdicts = [
        *await unsubscribe(client, list(map(_withdrawal, unsubscribed))),
        *await suppress(client, list(map(_suppression, suppressed))),
    ]
    emails = [*unsubscribed, *suppressed]
    return {
        email: verdict.reason
        for email, verdict in zip(emails, verdicts, strict=True)
        if verdict.verdict is Verdict.DEAD_LETTER
    }


def _withdrawal(email: str) -> ConsentChange:
    return ConsentChange(
        consent=Consent.UNSUBSCRIBED,
        profile={"email": email},
        channels=(Channel.EMAIL,),
    )


def _suppression(email: str) -> Suppression:
    return Suppression(change="suppress", email=email)


async def _remove_notes(
    client: JobTrackingClient, changes: Iterable[AddressChange]
) -> None:
    """Remove the notes from the profiles; a note that stays does no harm."""
    ids = {c.current.profile_id for c in changes if c.current.unfinished}
    upserts = [
        ProfileUpsert(profile={"id": profile_id}, unset=(WITHDRAWAL_PROPERTY,))
        for profile_id in sorted(ids)
    ]
    await patch_profiles(client, upserts)


def _with_notes(
    verdict: ItemVerdict, change: AddressChange, refusals: Mapping[str, str]
) -> ItemVerdict:
    """Add the notes on consent to a delivery; a refused withdrawal is a fault."""
    if not change.is_written:
        return verdict
    if refusal := refusals.get(change.email):
        return dead_letter(f"withdrawal-refused: {refusal}")
    reason = "; ".join(filter(None, (verdict.reason, *change.notes())))
    return msgspec.structs.replace(verdict, reason=reason)
