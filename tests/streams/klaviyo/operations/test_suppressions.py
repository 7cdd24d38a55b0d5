"""Suppression of addresses, against the sandbox."""

from typing import Any

from streams.actions.intents import Suppression
from streams.klaviyo.api.client import KlaviyoClient
from streams.klaviyo.operations.suppressions import suppress, unsuppress
from streams.sandbox import Sandbox
from tests.streams.klaviyo.accounts import consent_state
from tests.streams.klaviyo.profile_builders import request_count, verdict_names


def suppression(email: Any) -> Suppression:  # noqa: ANN401  # any value of a payload
    """Build an intent that suppresses an address."""
    return Suppression(change="suppress", email=email)


def suppressions(count: int) -> list[Suppression]:
    """Build intents for this many addresses."""
    return [suppression(f"p{n}@example.com") for n in range(count)]


async def test_a_hundred_are_suppressed_with_one_request(
    client: KlaviyoClient, klaviyo: Sandbox
) -> None:
    """Address 101 needs a second request."""
    verdicts = await suppress(client, suppressions(101))

    assert verdict_names(verdicts) == ["delivered"] * 101
    assert request_count(klaviyo) == 2
    assert "USER_SUPPRESSED" in consent_state(klaviyo, "p100@example.com").suppressions


async def test_only_what_was_done_by_hand_is_undone(
    client: KlaviyoClient, klaviyo: Sandbox
) -> None:
    """A suppression after a hard bounce stays."""
    await suppress(client, suppressions(101))
    consent_state(klaviyo, "p0@example.com").suppressions["HARD_BOUNCE"] = 0.0

    verdicts = await unsuppress(client, suppressions(101))

    assert verdict_names(verdicts) == ["delivered"] * 101
    assert set(consent_state(klaviyo, "p0@example.com").suppressions) == {"HARD_BOUNCE"}
    assert not consent_state(klaviyo, "p100@example.com").suppressions


async def test_odd_and_repeated_addresses_spoil_no_neighbour(
    client: KlaviyoClient, klaviyo: Sandbox
) -> None:
    """Absent, malformed, rejected and duplicate addresses have separate verdicts."""
    odd = list(map(suppression, (None, " ", "\ud800", "nobody")))
    duplicate = suppression("P1@Example.com")

    verdicts = await suppress(client, [*odd, *suppressions(3), duplicate])

    assert verdict_names(verdicts) == [
        *["dead-letter"] * 4,
        *["delivered"] * 3,
        "discarded",
    ]
    assert [verdict.reason for verdict in verdicts[:3]] == ["no-email"] * 3
    assert verdicts[3].status == 400
    assert len(klaviyo.account.consents.by_profile) == 3
