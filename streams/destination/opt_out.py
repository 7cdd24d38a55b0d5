"""Opt-outs: events that the producer keeps from this destination.

Segment and RudderStack enforce consent categories first, then the event's
`integrations`. Both can only hold an event back.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from streams.events.canonical_event import section

INTEGRATION_NAMES: Final = ("Klaviyo (Actions)", "Klaviyo")
"""Names of this destination at Segment (segmentio/destinations.yml) and RudderStack.

They are case-sensitive, and the first that an event gives a value wins."""

ALL_NAMES: Final = ("All", "all")
"""Name of all destinations; Segment's Go library writes the second."""


class ConsentStrategy(StrEnum):
    """Resolution of several denied categories, in RudderStack's terms."""

    AND = "and"
    """Every configured category is needed: one denied category holds the event back."""

    OR = "or"
    """One configured category is enough: all must be denied to hold the event back."""


class OptOut(StrEnum):
    """Reason to discard an event that the producer holds back."""

    CONSENT = "opted-out: consent"
    INTEGRATIONS = "opted-out: integrations"


@dataclass(frozen=True, slots=True, kw_only=True)
class OptOutRules:
    """Settings of a destination about opt-outs.

    Attributes:
        consent_categories: Consent categories that the destination needs; empty if
            categories hold nothing back.
        consent_strategy: Resolution of RudderStack's denied categories where the event
            names none.
        integration_names: Further names of this destination in `integrations`, behind
            `INTEGRATION_NAMES`.
        allows_withdrawals: Whether events that are opted out may still unsubscribe and
            suppress.
    """

    consent_categories: tuple[str, ...] = ()
    consent_strategy: ConsentStrategy = ConsentStrategy.AND
    integration_names: tuple[str, ...] = ()
    allows_withdrawals: bool = False


DEFAULT_OPT_OUT_RULES: Final = OptOutRules()


def opt_out_of(body: dict[str, Any], rules: OptOutRules) -> OptOut | None:
    """Return the reason why an event is held back; None for an event to be sent.

    Args:
        body: The event, as the producer wrote it.
        rules: The destination's settings.
    """
    if rules.consent_categories and _lacks_consent(body, rules):
        return OptOut.CONSENT
    integrations = body.get("integrations")
    if isinstance(integrations, dict) and integrations:
        return _opt_out_by_name(integrations, rules.integration_names)
    return None


def _opt_out_by_name(
    integrations: dict[str, Any], further_names: tuple[str, ...]
) -> OptOut | None:
    """Return the opt-out by name; a value of another type than boolean is an option."""
    for name in (*INTEGRATION_NAMES, *further_names, *ALL_NAMES):
        value = integrations.get(name)
        if value is not None:
            return OptOut.INTEGRATIONS if value is False else None
    return None


def _lacks_consent(body: dict[str, Any], rules: OptOutRules) -> bool:
    """Return True if the event's consent does not cover this destination.

    At Segment a category that is absent is not consented to; at RudderStack a category
    that is not denied is. An event without preferences flows at both.
    """
    context = section(body, "context")
    preferences = section(context, "consent").get("categoryPreferences")
    categories = rules.consent_categories
    if isinstance(preferences, dict):
        return any(preferences.get(category) is not True for category in categories)
    management = section(context, "consentManagement")
    denied = management.get("deniedConsentIds")
    if not isinstance(denied, list) or not denied:
        return False
    is_custom = management.get("provider") == "custom"
    named_strategy = None if is_custom else management.get("resolutionStrategy")
    strategy = named_strategy or rules.consent_strategy
    are_denied = [category in denied for category in categories]
    return all(are_denied) if strategy == ConsentStrategy.OR else any(are_denied)
