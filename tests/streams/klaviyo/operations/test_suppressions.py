"""Suppression by hand, against the sandbox."""

from streams.klaviyo.api.client import KlaviyoClient
from streams.klaviyo.operations.suppressions import suppress, unsuppress
from streams.klaviyo.payloads.consent_items import SuppressionItem
from streams.sandbox import Sandbox
from tests.streams.klaviyo.accounts import consent_state
from tests.streams.klaviyo.profile_builders import request_count, verdict_names


def addresses(count: int) -> list[SuppressionItem]:
    """Make addresses."""
    return [SuppressionItem(email=f"p{n}@example.com") for n in range(count)]


async def test_a_hundred_are_suppressed_with_one_request(
    client: KlaviyoClient, klaviyo: Sandbox
) -> None:
    """And one more with a second."""
    verdicts = await suppress(client, addresses(101))

    assert verdict_names(verdicts) == ["delivered"] * 101
    assert request_count(klaviyo) == 2
    assert "USER_SUPPRESSED" in consent_state(klaviyo, "p100@example.com").suppressions


async def test_only_what_was_done_by_hand_is_undone(
    client: KlaviyoClient, klaviyo: Sandbox
) -> None:
    """A hard bounce stays."""
    await suppress(client, addresses(101))
    consent_state(klaviyo, "p0@example.com").suppressions["HARD_BOUNCE"] = 0.0

    verdicts = await unsuppress(client, addresses(101))

    assert verdict_names(verdicts) == ["delivered"] * 101
    assert set(consent_state(klaviyo, "p0@example.com").suppressions) == {"HARD_BOUNCE"}
    assert not consent_state(klaviyo, "p100@example.com").suppressions


async def test_odd_and_repeated_addresses_spoil_no_neighbour(
    client: KlaviyoClient, klaviyo: Sandbox
) -> None:
    """Absent, no text, refused by Klaviyo, repeated: each by itself."""
    odd = [SuppressionItem(email=one) for one in (None, " ", "\ud800", "nobody")]
    again = SuppressionItem(email="P1@Example.com")

    verdicts = await suppress(client, [*odd, *addresses(3), again])

    assert verdict_names(verdicts) == [
        *["dead-letter"] * 4,
        *["delivered"] * 3,
        "discarded",
    ]
    assert [one.reason for one in verdicts[:3]] == ["no-email"] * 3
    assert verdicts[3].status == 400
    assert len(klaviyo.account.consents.by_profile) == 3
