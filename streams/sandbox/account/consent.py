"""Who may be written to: consent by channel, suppressions, and what is confirmed.

Sources: `bulk_subscribe_profiles`, `bulk_unsubscribe_profiles`, the suppression jobs
and the profile's `subscriptions`, Klaviyo OpenAPI 2026-07-15.
"""

from collections import Counter
from collections.abc import Mapping

from streams.sandbox.account.consent_state import (
    EMAIL_MARKETING,
    ConsentRecord,
    ConsentState,
    ConsentTerms,
    Purpose,
)

CLEARED_BY_SUBSCRIBING = ("UNSUBSCRIBE", "SPAM_COMPLAINT", "USER_SUPPRESSED")
"""Suppressions a subscription ends; the operation calls the second SPAM_REPORT."""

CONFIRMED_CHANNELS = frozenset({"email", "sms"})
"""Channels whose double opt-in asks for a confirmation."""


class Consents:
    """The standing of every profile that has one."""

    def __init__(self) -> None:
        self.by_profile: dict[str, ConsentState] = {}
        self.confirmation_mails: list[tuple[str, Purpose, str, float]] = []
        self.list_flows: Counter[str] = Counter()

    def clear(self) -> None:
        """Forget all standings."""
        self.by_profile.clear()
        self.confirmation_mails.clear()
        self.list_flows.clear()

    def state_of(self, profile_id: str) -> ConsentState:
        """Return the standing of a profile, new when it has none."""
        return self.by_profile.setdefault(profile_id, ConsentState())

    def remove_profile(self, profile_id: str) -> None:
        """Forget a deleted profile."""
        self.by_profile.pop(profile_id, None)

    def subscribe(
        self,
        profile_id: str,
        purposes: Mapping[Purpose, float | None],
        *,
        terms: ConsentTerms,
        now_s: float,
    ) -> bool:
        """Take consent for a profile.

        Args:
            profile_id: Who consents.
            purposes: To what, each with when; None means now.
            terms: The terms of the request.
            now_s: When it was asked.

        Returns:
            Whether the profile joins the list now, and not after a confirmation.
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
        """Send a confirmation mail, unless consent is confirmed already."""
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
            Ids of the lists it now joins.
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

    def unsubscribe_from_list(
        self, profile_id: str, *, list_id: str, now_s: float
    ) -> None:
        """Unsubscribe a member from one list only."""
        self.state_of(profile_id).list_suppressions[list_id] = now_s

    def unsubscribe(self, profile_id: str, purpose: Purpose, *, now_s: float) -> None:
        """Withdraw consent for good, whatever the list."""
        state = self.state_of(profile_id)
        state.unconfirmed.pop(purpose, None)
        state.consents[purpose] = ConsentRecord(
            status="UNSUBSCRIBED", consented_s=now_s, updated_s=now_s
        )
        if purpose == EMAIL_MARKETING:
            state.suppressions["UNSUBSCRIBE"] = now_s

    def suppress(self, profile_id: str, reason: str, *, now_s: float) -> None:
        """Stop mail for a reason; the first time of it stays."""
        self.state_of(profile_id).suppressions.setdefault(reason, now_s)

    def unsuppress(self, profile_id: str) -> bool:
        """End what was suppressed by hand, and only that.

        Returns:
            Whether there was any.
        """
        return (
            self.state_of(profile_id).suppressions.pop("USER_SUPPRESSED", None)
            is not None
        )

    def merge(self, source_id: str, *, into_id: str) -> None:
        """Keep what the destination has; add what only the source had."""
        source = self.by_profile.pop(source_id, None)
        if source is None:
            return
        into = self.state_of(into_id)
        into.consents = source.consents | into.consents
        into.suppressions = source.suppressions | into.suppressions
        into.list_suppressions = source.list_suppressions | into.list_suppressions
        into.unconfirmed = source.unconfirmed | into.unconfirmed


def _grant(
    state: ConsentState, purpose: Purpose, consent: ConsentRecord, *, list_id: str
) -> None:
    state.unconfirmed.pop(purpose, None)
    state.consents[purpose] = consent
    if purpose == EMAIL_MARKETING:
        for reason in CLEARED_BY_SUBSCRIBING:
            state.suppressions.pop(reason, None)
        state.list_suppressions.pop(list_id, None)
