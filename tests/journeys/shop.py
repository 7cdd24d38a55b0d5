"""A shop's day: all that Klaviyo must hold after it, beside what it holds."""

from agents.demo.checks import (
    EQUAL,
    Check,
    consents_beside,
    events_beside,
    lists_beside,
    profiles_beside,
)
from agents.demo.people import customers
from agents.demo.workload import Shape, Truth
from tests.journeys.klaviyo import Klaviyo


def open_shop(klaviyo: Klaviyo, shape: Shape) -> None:
    """Let Klaviyo know the shop's customers."""
    klaviyo.ask("POST", "profiles", customers(shape.users))


def differences(klaviyo: Klaviyo, wanted: Truth) -> list[Check]:
    """Compare lists, profiles, events and consents; those that are not equal."""
    profiles = klaviyo.ask("GET", "profiles")
    events, consents = klaviyo.ask("GET", "events"), klaviyo.ask("GET", "consent")
    checks = (
        *lists_beside(wanted, klaviyo.lists()),
        profiles_beside(wanted, profiles),
        *events_beside(wanted, events, profiles),
        *consents_beside(wanted, consents, profiles),
    )
    return [check for check in checks if check.words != EQUAL]
