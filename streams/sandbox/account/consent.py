"""Consent by channel, suppressions, and confirmations of double opt-in.

Sources: `bulk_subscribe_profiles`, `bulk_unsubscribe_profiles`, the suppression jobs
and the profile's `subscriptions`, Klaviyo OpenAPI 2026-07-15.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

Purpose: TypeAlias = tuple[str, str]
"""Channel and purpose, as in `subscriptions`: ("email", "marketing")."""

EMAIL_MARKETING: Purpose = ("email", "marketing")
"""The only purpose that suppressions apply to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentRecord:
    """Latest consent of a profile for a purpose.

    Attributes:
        status: `SUBSCRIBED` or `UNSUBSCRIBED`.
        consented_s: Time at which the person consented.
        updated_s: Time at which Klaviyo received the consent.
        source: `custom_source` of the request.
        double_opt_in: True if the consent was confirmed.
    """

    status: str
    consented_s: float
    updated_s: float
    source: str | None = None
    double_opt_in: bool = False


@dataclass(slots=True)
class ConsentState:
    """Consent and suppressions of a profile.

    Attributes:
        consents: Latest consent, by purpose.
        suppressions: Reason to time of the suppression; only for email.
        list_suppressions: List id to time of unsubscribing from that list.
        unconfirmed: Purpose to confirm, to the list to join after confirmation.
    """

    consents: dict[Purpose, ConsentRecord] = field(default_factory=dict)
    suppressions: dict[str, float] = field(default_factory=dict)
    list_suppressions: dict[str, float] = field(default_factory=dict)
    unconfirmed: dict[Purpose, str] = field(default_factory=dict)

    def status(self, purpose: Purpose) -> str:
        """Return the consent status for a purpose, by default `NEVER_SUBSCRIBED`."""
        consent = self.consents.get(purpose)
        return consent.status if consent else "NEVER_SUBSCRIBED"

    def take_channel(self, channel: str) -> "ConsentState":
        """Remove and return the state of a channel; suppressions belong to email."""
        taken = ConsentState()
        for purpose in [one for one in self.consents if one[0] == channel]:
            taken.consents[purpose] = self.consents.pop(purpose)
        for purpose in [one for one in self.unconfirmed if one[0] == channel]:
            taken.unconfirmed[purpose] = self.unconfirmed.pop(purpose)
        if channel == "email":
            taken.suppressions, self.suppressions = self.suppressions, {}
            taken.list_suppressions, self.list_suppressions = self.list_suppressions, {}
        return taken

    def merge(self, source: "ConsentState") -> None:
        """Merge the state of another profile, as Klaviyo merges two profiles.

        Of two different statuses the later one wins, at equal times that of `source`.
        Of two records with the same status the older one stays. A suppression of
        either profile stays.
        """
        for purpose, consent in source.consents.items():
            self.consents[purpose] = _merge_records(consent, self.consents.get(purpose))
        self.unconfirmed = source.unconfirmed | self.unconfirmed
        for ours, theirs in (
            (self.suppressions, source.suppressions),
            (self.list_suppressions, source.list_suppressions),
        ):
            for name, at_s in theirs.items():
                ours[name] = min(at_s, ours.get(name, at_s))


def _merge_records(source: ConsentRecord, into: ConsentRecord | None) -> ConsentRecord:
    if into is None:
        return source
    if source.status == into.status:
        return min(into, source, key=lambda record: record.consented_s)
    return source if source.updated_s >= into.updated_s else into


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentTerms:
    """Options of a subscription request.

    Attributes:
        list_id: List to join; empty for none.
        double_opt_in: True if the list, or else the account, requires confirmation.
        historical: True if the consent was collected elsewhere before.
        source: `custom_source` of the request.
    """

    list_id: str = ""
    double_opt_in: bool = False
    historical: bool = False
    source: str | None = None


CLEARED_BY_SUBSCRIBING = ("UNSUBSCRIBE", "SPAM_COMPLAINT", "USER_SUPPRESSED")
"""Suppressions that a subscription ends; the operation calls the second SPAM_REPORT."""

CONFIRMED_CHANNELS = frozenset({"email", "sms"})
"""Channels whose double opt-in sends a confirmation message."""


class Consents:
    """Consent states of all profiles with a consent state."""

    def __init__(self) -> None:
        self.by_profile: dict[str, ConsentState] = {}
        self.by_former_email: dict[str, ConsentState] = {}
        self.confirmation_mails: list[tuple[str, Purpose, str, float]] = []
        self.list_flows: Counter[str] = Counter()

    def clear(self) -> None:
        """Delete all consent states."""
        self.by_profile.clear()
        self.by_former_email.clear()
        self.confirmation_mails.clear()
        self.list_flows.clear()

    def state_of(self, profile_id: str) -> ConsentState:
        """Return the consent state of a profile, creating an empty state if needed."""
        return self.by_profile.setdefault(profile_id, ConsentState())

    def remove_profile(self, profile_id: str) -> None:
        """Delete the consent state of a deleted profile."""
        self.by_profile.pop(profile_id, None)

    def subscribe(
        self,
        profile_id: str,
        purposes: Mapping[Purpose, float | None],
        *,
        terms: ConsentTerms,
        now_s: float,
    ) -> bool:
        """Record consent of a profile, or request confirmation.

        Args:
            profile_id: Profile that consents.
            purposes: Purpose to time of consent; None means now.
            terms: Options of the request.
            now_s: Time of the request.

        Returns:
            True if the profile joins the list now, without a confirmation.
        """
        state = self.state_of(profile_id)
        joins = False
        for purpose, consented_s in purposes.items():
            needs_confirmation = terms.double_opt_in and not terms.historical
            if needs_confirmation and purpose[0] in CONFIRMED_CHANNELS:
                joins |= self._request_confirmation(
                    profile_id, purpose, terms=terms, now_s=now_s
                )
                continue
            joins = True
            consent = ConsentRecord(
                status="SUBSCRIBED",
                consented_s=now_s if consented_s is None else consented_s,
                updated_s=now_s,
                source=terms.source,
            )
            _grant(state, purpose, consent, list_id=terms.list_id)
        if joins and terms.list_id and not terms.historical:
            self.list_flows[terms.list_id] += 1
        return joins

    def _request_confirmation(
        self, profile_id: str, purpose: Purpose, *, terms: ConsentTerms, now_s: float
    ) -> bool:
        """Send a confirmation mail, unless the consent is confirmed already."""
        state = self.state_of(profile_id)
        consent = state.consents.get(purpose)
        if consent and consent.status == "SUBSCRIBED" and consent.double_opt_in:
            return True
        state.unconfirmed[purpose] = terms.list_id
        mail = (profile_id, purpose, terms.list_id, now_s)
        self.confirmation_mails.append(mail)
        return False

    def confirm(self, profile_id: str, *, now_s: float) -> list[str]:
        """Click the links of all confirmation mails of a profile.

        Returns:
            Ids of the lists that the profile now joins.
        """
        state = self.state_of(profile_id)
        unconfirmed, state.unconfirmed = state.unconfirmed, {}
        for purpose, list_id in unconfirmed.items():
            consent = ConsentRecord(
                status="SUBSCRIBED",
                consented_s=now_s,
                updated_s=now_s,
                double_opt_in=True,
            )
            _grant(state, purpose, consent, list_id=list_id)
        return sorted({list_id for list_id in unconfirmed.values() if list_id})

    def unsubscribe(self, profile_id: str, purpose: Purpose, *, now_s: float) -> None:
        """Withdraw consent globally, for all lists."""
        state = self.state_of(profile_id)
        state.unconfirmed.pop(purpose, None)
        state.consents[purpose] = ConsentRecord(
            status="UNSUBSCRIBED", consented_s=now_s, updated_s=now_s
        )
        if purpose == EMAIL_MARKETING:
            state.suppressions["UNSUBSCRIBE"] = now_s

    def suppress(self, profile_id: str, reason: str, *, now_s: float) -> None:
        """Stop mail for a reason; an earlier time for the same reason is kept."""
        self.state_of(profile_id).suppressions.setdefault(reason, now_s)

    def unsuppress(self, profile_id: str) -> bool:
        """End a manual suppression; other suppressions stay.

        Returns:
            True if the profile was suppressed manually.
        """
        return (
            self.state_of(profile_id).suppressions.pop("USER_SUPPRESSED", None)
            is not None
        )

    def merge(self, source_id: str, *, into_id: str) -> None:
        """Merge the consent state of a profile into that of another profile."""
        source = self.by_profile.pop(source_id, None)
        if source is not None:
            self.state_of(into_id).merge(source)

    def change_email(
        self, profile_id: str, *, previous: str | None, email: str | None
    ) -> None:
        """Leave the email consent with the former address, and take that of the new.

        Args:
            profile_id: Profile whose address changes.
            previous: Former address.
            email: New address; None for none.
        """
        state = self.by_profile.get(profile_id)
        if state is not None and previous:
            self.by_former_email[previous] = state.take_channel("email")
        former = self.by_former_email.pop(email or "", None)
        if former is not None:
            self.state_of(profile_id).merge(former)


def _grant(
    state: ConsentState, purpose: Purpose, consent: ConsentRecord, *, list_id: str
) -> None:
    state.unconfirmed.pop(purpose, None)
    state.consents[purpose] = consent
    if purpose == EMAIL_MARKETING:
        for reason in CLEARED_BY_SUBSCRIBING:
            state.suppressions.pop(reason, None)
        state.list_suppressions.pop(list_id, None)
