"""What is known of one profile's consent: records only."""

from dataclasses import dataclass, field
from typing import TypeAlias

Purpose: TypeAlias = tuple[str, str]
"""Channel and purpose, as in `subscriptions`: ("email", "marketing")."""

EMAIL_MARKETING: Purpose = ("email", "marketing")
"""The one purpose that suppressions are about."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentRecord:
    """What one profile said about one purpose.

    Attributes:
        status: `SUBSCRIBED` or `UNSUBSCRIBED`.
        consented_s: When it was said.
        updated_s: When Klaviyo learnt it.
        source: `custom_source` of the request.
        double_opt_in: Whether it was confirmed.
    """

    status: str
    consented_s: float
    updated_s: float
    source: str | None = None
    double_opt_in: bool = False


@dataclass(slots=True)
class ConsentState:
    """All that is known of one profile.

    Attributes:
        consents: What it said, by purpose.
        suppressions: Reason to when it began; they are about email only.
        list_suppressions: List id to when it left that list by unsubscribing.
        unconfirmed: Purposes not yet confirmed, and the list to join then.
    """

    consents: dict[Purpose, ConsentRecord] = field(default_factory=dict)
    suppressions: dict[str, float] = field(default_factory=dict)
    list_suppressions: dict[str, float] = field(default_factory=dict)
    unconfirmed: dict[Purpose, str] = field(default_factory=dict)

    def status(self, purpose: Purpose) -> str:
        """Say what it said; `NEVER_SUBSCRIBED` when nothing."""
        consent = self.consents.get(purpose)
        return consent.status if consent else "NEVER_SUBSCRIBED"


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentTerms:
    """The terms of one subscription request.

    Attributes:
        list_id: The list to join; empty for none.
        double_opt_in: Whether the list, or else the account, asks for confirmation.
        historical: Whether the consent was gathered elsewhere before.
        source: `custom_source`.
    """

    list_id: str = ""
    double_opt_in: bool = False
    historical: bool = False
    source: str | None = None
