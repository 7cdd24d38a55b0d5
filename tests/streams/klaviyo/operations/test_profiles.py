"""Creating and updating profiles, against the sandbox."""

import pytest

from streams.delivery.verdict import Verdict
from streams.klaviyo.api.client import KlaviyoClient
from streams.klaviyo.operations.profiles import upsert_profiles
from streams.sandbox import Fault, FaultKind, Sandbox


@pytest.mark.parametrize("count", [1, 3, 4, 120])
async def test_upserted_profiles_hold_what_was_sent(
    client: KlaviyoClient, klaviyo: Sandbox, count: int
) -> None:
    """Singly or in bulk: the same outcome."""
    profiles = [
        {"email": f"u{n}@x.io", "first_name": f"Jane {n}", "properties": {"n": n}}
        for n in range(count)
    ]

    verdicts = await upsert_profiles(client, profiles)

    assert [one.verdict for one in verdicts] == [Verdict.DELIVERED] * count
    held = klaviyo.account.profiles.by_email
    assert [held[f"u{n}@x.io"].properties for n in range(count)] == [
        {"n": n} for n in range(count)
    ]


async def test_null_clears_and_absence_keeps(
    client: KlaviyoClient, klaviyo: Sandbox
) -> None:
    """As Klaviyo's documentation says."""
    await upsert_profiles(
        client, [{"email": "a@b.io", "first_name": "Jane", "last_name": "Doe"}]
    )

    await upsert_profiles(client, [{"email": "a@b.io", "first_name": None}])

    assert klaviyo.account.profiles.by_email["a@b.io"].fields == {"last_name": "Doe"}


async def test_nothing_to_do_is_nothing_done(
    client: KlaviyoClient, klaviyo: Sandbox
) -> None:
    """No profiles, no requests."""
    assert await upsert_profiles(client, []) == []
    assert not klaviyo.account.request_log.request_counts


async def test_an_outage_in_the_middle_only_delays(
    client: KlaviyoClient, klaviyo: Sandbox
) -> None:
    """Submission, polling and errors all meet it."""
    for path in ("/api/profile-bulk-import-jobs$", "/api/profile-bulk-import-jobs/"):
        klaviyo.add_fault(Fault(kind=FaultKind.SERVER_ERROR, path=path, count=3))

    verdicts = await upsert_profiles(
        client, [{"email": f"u{n}@x.io"} for n in range(9)]
    )

    assert [one.verdict for one in verdicts] == [Verdict.DELIVERED] * 9
    assert verdicts[0].attempts == 4
