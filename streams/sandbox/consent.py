"""Who may be written to: consent by channel, suppressions, and what is confirmed.

Sources: `bulk_subscribe_profiles`, `bulk_unsubscribe_profiles`, the suppression jobs
and the profile's `subscriptions`, Klaviyo OpenAPI 2026-07-15.
"""

from collections import Counter
from collections.abc import Mapping

from streams.sandbox.standing import EMAIL, Consent, Purpose, Standing, Terms

CLEARED_BY_SUBSCRIBING = ("UNSUBSCRIBE", "SPAM_COMPLAINT", "USER_SUPPRESSED")
"""Suppressions a subscription ends; the operation calls the second SPAM_REPORT."""

CONFIRMED_CHANNELS = frozenset({"email", "sms"})
"""Channels whose double opt-in asks for a confirmation."""


class Consents:
    """The standing of every profile that has one."""

    def __init__(self) -> None:
        self.by_profile: dict[str, Standing] = {}
        self.confirmation_mails: list[tuple[str, Purpose, str, float]] = []
        self.list_flows: Counter[str] = Counter()

    def clear(self) -> None:
        """Forget all standings."""
        self.by_profile.clear()
        self.confirmation_mails.clear()
        self.list_flows.clear()

    def of(self, profile_id: str) -> Standing:
        """Return the standing of a profile, new when it has none."""
        return self.by_profile.setdefault(profile_id, Standing())

    def forget(self, profile_id: str) -> None:
        """Forget a deleted profile."""
        self.by_profile.pop(profile_id, None)

    def subscribe(
        self,
        profile_id: str,
        purposes: Mapping[Purpose, float | None],
        *,
        terms: Terms,
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
        standing = self.of(profile_id)
        joins = False
        for purpose, consented_s in purposes.items():
            asks = terms.double_opt_in and not terms.historical
            if asks and purpose[0] in CONFIRMED_CHANNELS:
                joins |= self._ask(profile_id, purpose, terms=terms, now_s=now_s)
                continue
            joins = True
            consent = Consent(
                status="SUBSCRIBED",
                consented_s=now_s if consented_s is None else consented_s,
                updated_s=now_s,
                source=terms.source,
            )
            _grant(standing, purpose, consent, list_id=terms.list_id)
        if joins and terms.list_id and not terms.historical:
            self.list_flows[terms.list_id] += 1
        return joins

    def _ask(
        self, profile_id: str, purpose: Purpose, *, terms: Terms, now_s: float
    ) -> bool:
        """Send a confirmation mail, unless consent is confirmed already."""
        standing = self.of(profile_id)
        consent = standing.consents.get(purpose)
        if consent and consent.status == "SUBSCRIBED" and consent.double_opt_in:
            return True
        standing.waiting[purpose] = terms.list_id
        mail = (profile_id, purpose, terms.list_id, now_s)
        self.confirmation_mails.append(mail)
        return False

    def confirm(self, profile_id: str, *, now_s: float) -> list[str]:
        """Click the links of all confirmation mails of a profile.

        Returns:
            Ids of the lists it now joins.
        """
        standing = self.of(profile_id)
        waiting, standing.waiting = standing.waiting, {}
        for purpose, list_id in waiting.items():
            consent = Consent(
                status="SUBSCRIBED",
                consented_s=now_s,
                updated_s=now_s,
                double_opt_in=True,
            )
            _grant(standing, purpose, consent, list_id=list_id)
        return sorted({list_id for list_id in waiting.values() if list_id})

    def leave_list(self, profile_id: str, *, list_id: str, now_s: float) -> None:
        """Unsubscribe a member from one list only."""
        self.of(profile_id).list_suppressions[list_id] = now_s

    def unsubscribe(self, profile_id: str, purpose: Purpose, *, now_s: float) -> None:
        """Withdraw consent for good, whatever the list."""
        standing = self.of(profile_id)
        standing.waiting.pop(purpose, None)
        standing.consents[purpose] = Consent(
            status="UNSUBSCRIBED", consented_s=now_s, updated_s=now_s
        )
        if purpose == EMAIL:
            standing.suppressions["UNSUBSCRIBE"] = now_s

    def suppress(self, profile_id: str, reason: str, *, now_s: float) -> None:
        """Stop mail for a reason; the first time of it stays."""
        self.of(profile_id).suppressions.setdefault(reason, now_s)

    def unsuppress(self, profile_id: str) -> bool:
        """End what was suppressed by hand, and only that.

        Returns:
            Whether there was any.
        """
        return self.of(profile_id).suppressions.pop("USER_SUPPRESSED", None) is not None

    def merge(self, source_id: str, *, into_id: str) -> None:
        """Keep what the destination has; add what only the source had."""
        source = self.by_profile.pop(source_id, None)
        if source is None:
            return
        into = self.of(into_id)
        into.consents = source.consents | into.consents
        into.suppressions = source.suppressions | into.suppressions
        into.list_suppressions = source.list_suppressions | into.list_suppressions
        into.waiting = source.waiting | into.waiting


def _grant(
    standing: Standing, purpose: Purpose, consent: Consent, *, list_id: str
) -> None:
    standing.waiting.pop(purpose, None)
    standing.consents[purpose] = consent
    if purpose == EMAIL:
        for reason in CLEARED_BY_SUBSCRIBING:
            standing.suppressions.pop(reason, None)
        standing.list_suppressions.pop(list_id, None)
