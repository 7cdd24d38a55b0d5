"""Profiles that events and subscriptions choose and fold: a table of cases."""

import pytest

from streams.sandbox import Sandbox
from tests.streams.sandbox.api import ManualClock, SandboxApi
from tests.streams.sandbox.identity_cases import (
    PHONE,
    TWO_FULL,
    Case,
    check_case,
)

FULL_A = f"x-a a@x.co {PHONE}"

EVENTS = {
    "of-one": Case(
        section="A2",
        before={"A": "a@x.co"},
        request="event",
        identifiers="x-new a@x.co",
        status=202,
        after={"A": "x-new a@x.co"},
        event_owner="A",
    ),
    "of-two-goes-to-the-higher": Case(
        section="A3",
        before=TWO_FULL,
        request="event",
        identifiers="x-b a@x.co",
        status=202,
        after=TWO_FULL,
        event_owner="B",
    ),
    "of-two-goes-to-the-email": Case(
        section="A3",
        before=TWO_FULL,
        request="event",
        identifiers="x-b a@x.co",
        switches={"event_conflict": "email"},
        status=202,
        after=TWO_FULL,
        event_owner="A",
    ),
    "of-two-is-dropped": Case(
        section="A3",
        before=TWO_FULL,
        request="event",
        identifiers="x-b a@x.co",
        switches={"event_conflict": "drop"},
        status=202,
        after=TWO_FULL,
    ),
    "folds-a-phone-only-profile": Case(
        section="B1",
        before={"A": "a@x.co", "B": PHONE},
        request="event",
        identifiers=f"a@x.co {PHONE}",
        status=202,
        after={"A": f"a@x.co {PHONE}"},
        event_owner="A",
    ),
    "known-phone-and-new-email-rewrites": Case(
        section="J2",
        before={"A": FULL_A},
        request="event",
        identifiers=f"new@x.co {PHONE}",
        status=202,
        after={"A": f"x-a new@x.co {PHONE}"},
        event_owner="A",
    ),
    "known-phone-and-new-email-keeps": Case(
        section="J2",
        before={"A": FULL_A},
        request="event",
        identifiers=f"new@x.co {PHONE}",
        switches={"taken_phone": "keep"},
        status=202,
        after={"A": FULL_A},
        event_owner="A",
    ),
    "known-phone-and-new-email-is-new": Case(
        section="J2",
        before={"A": FULL_A},
        request="event",
        identifiers=f"new@x.co {PHONE}",
        switches={"taken_phone": "new"},
        status=202,
        after={"A": FULL_A, "new": "new@x.co"},
        event_owner="new",
    ),
    "phone-only-profile-gets-the-email": Case(
        section="A2",
        before={"A": PHONE},
        request="event",
        identifiers=f"new@x.co {PHONE}",
        switches={"taken_phone": "keep"},
        status=202,
        after={"A": f"new@x.co {PHONE}"},
        event_owner="A",
    ),
    "anonymous-alone": Case(
        section="C",
        before={"A": "a@x.co"},
        request="event",
        identifiers="dev-a",
        status=202,
        after={"A": "a@x.co", "new": "dev-a"},
        event_owner="new",
    ),
    "anonymous-is-folded": Case(
        section="C",
        before={"A": "a@x.co", "B": "dev-a"},
        request="event",
        identifiers="a@x.co dev-a",
        status=202,
        after={"A": "a@x.co dev-a"},
        event_owner="A",
    ),
    "anonymous-stays": Case(
        section="C",
        before={"A": "a@x.co", "B": "dev-a"},
        request="event",
        identifiers="a@x.co dev-a",
        switches={"anonymous_fold": "keep"},
        status=202,
        after={"A": "a@x.co", "B": "dev-a"},
        event_owner="A",
    ),
    "anonymous-stays-beside-a-new-email": Case(
        section="C",
        before={"A": "dev-a"},
        request="event",
        identifiers="new@x.co dev-a",
        switches={"anonymous_fold": "keep"},
        status=202,
        after={"A": "dev-a", "new": "new@x.co"},
        event_owner="new",
    ),
}

SUBSCRIPTIONS = {
    "id-decides": Case(
        section="A3",
        before=TWO_FULL,
        request="subscribe",
        profile="A",
        identifiers="b@x.co",
        status=202,
        after=TWO_FULL,
    ),
    "folds-a-phone-only-profile": Case(
        section="B1",
        before={"A": "a@x.co", "B": PHONE},
        request="subscribe",
        identifiers=f"a@x.co {PHONE}",
        status=202,
        after={"A": f"a@x.co {PHONE}"},
    ),
    "unknown-address": Case(
        section="A3",
        before={},
        request="subscribe",
        identifiers="new@x.co",
        status=202,
        after={"new": "new@x.co"},
    ),
    "unknown-address-has-no-effect": Case(
        section="A3",
        before={},
        request="subscribe",
        identifiers="new@x.co",
        switches={"new_subscriber": "ignore"},
        status=202,
        after={},
    ),
    "known-phone-and-new-email-keeps": Case(
        section="J2",
        before={"A": FULL_A},
        request="subscribe",
        identifiers=f"new@x.co {PHONE}",
        switches={"taken_phone": "keep"},
        status=202,
        after={"A": FULL_A},
    ),
}


@pytest.mark.parametrize("name", EVENTS)
async def test_an_event_is_accepted_and_resolved_later(
    api: SandboxApi, klaviyo: Sandbox, clock: ManualClock, name: str
) -> None:
    """An event is never a conflict, and two full profiles are not merged."""
    await check_case(api, klaviyo, clock, EVENTS[name])


@pytest.mark.parametrize("name", SUBSCRIPTIONS)
async def test_a_subscription_is_resolved_as_an_event(
    api: SandboxApi, klaviyo: Sandbox, clock: ManualClock, name: str
) -> None:
    """A profile id decides; without one, the ranking does."""
    await check_case(api, klaviyo, clock, SUBSCRIPTIONS[name])
