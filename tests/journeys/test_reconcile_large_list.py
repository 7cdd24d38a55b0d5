"""A large list with many differences is compared and repaired, on a real Kafka."""

import json
import time
from collections.abc import Sequence
from typing import Any

import orjson
import pytest
from click.testing import Result

from tests.journeys.conftest import QUOTA_SCALE, Say
from tests.journeys.harness import Pipeline, Record
from tests.journeys.klaviyo import Klaviyo
from tests.journeys.reconciling import change_list_directly, list_members, run_command
from tests.journeys.sample_events import email_of, moves, profile_of, users

pytestmark = [pytest.mark.kafka, pytest.mark.slow]

REMOVED, LEFT, OTHERS = 500, 400, 100
ANONYMOUS = 2_000
"""Of the members, those known by a device: the list has only their addresses."""


def parse_lines(result: Result) -> list[dict[str, Any]]:
    """Parse the JSON lines that a command printed."""
    return [json.loads(line) for line in result.stdout.splitlines()]


def anonymous_records(
    users: Sequence[str], audience: str, *, entered: bool
) -> list[Record]:
    """Build audience events of users without a user id."""
    records: list[Record] = []
    for user, value in moves(users, audience, entered=entered):
        body = orjson.loads(value or b"")
        body["anonymousId"] = body.pop("userId")
        records.append((user, orjson.dumps(body)))
    return records


@pytest.mark.parametrize(
    "size", [10_000, pytest.param(50_000, marks=pytest.mark.benchmark)]
)
def test_a_thousand_differences_are_found_and_repaired(
    rate_limited_pipeline: Pipeline, say: Say, size: int
) -> None:
    """The repair of a large list touches no other member."""
    pipeline, klaviyo = rate_limited_pipeline, rate_limited_pipeline.klaviyo
    identified, devices = users("u", size - ANONYMOUS), users("device", ANONYMOUS)
    departed = users("left", LEFT)
    entered = [
        *moves([*identified, *departed], "vip", entered=True),
        *anonymous_records(devices, "vip", entered=True),
    ]
    pipeline.await_quiet(pipeline.publish(entered))
    exited = moves(departed, "vip", entered=False, at_s=9)
    pipeline.await_quiet(pipeline.publish(exited))
    members_before = list_members(klaviyo)
    assert len(members_before) == size
    removed = [*identified[: REMOVED - 100], *devices[:100]]
    _cause_drift(klaviyo, members_before, removed=removed, departed=departed)
    before = klaviyo.changes()

    began_s = time.monotonic()
    comparison = run_command(pipeline, "--json")
    read_s = time.monotonic() - began_s
    repaired = run_command(pipeline, "--audience", "vip", "--apply")
    repair_s = time.monotonic() - began_s - read_s

    counts, *differences = parse_lines(comparison)
    users_by_kind = {
        kind: {line["user"] for line in differences if line["kind"] == kind}
        for kind in ("missing", "unexpected")
    }
    assert (comparison.exit_code, repaired.exit_code) == (1, 0)
    assert users_by_kind == {"missing": set(removed), "unexpected": set(departed)}
    assert counts["others"] == OTHERS
    unmanaged = {email_of(user) for user in users("other", OTHERS)}
    assert list_members(klaviyo).keys() == members_before.keys() | unmanaged
    after = klaviyo.changes()
    assert after["adds"] - before["adds"] == REMOVED
    assert after["removals"] - before["removals"] == LEFT
    assert run_command(pipeline).exit_code == 0
    for line in repaired.stdout.splitlines():
        say(line)
    say(f"{size + OTHERS + LEFT - REMOVED} members read in {read_s:.1f} s")
    say(f"read again and repaired in {repair_s:.1f} s, at {QUOTA_SCALE} x the quotas")


def _cause_drift(
    klaviyo: Klaviyo,
    profile_ids: dict[str, str],
    *,
    removed: Sequence[str],
    departed: Sequence[str],
) -> None:
    """Remove members, add back users who left, and add unmanaged profiles."""
    [vip] = klaviyo.named("vip")
    change_list_directly(
        klaviyo, "DELETE", vip["id"], [profile_ids[email_of(user)] for user in removed]
    )
    profiles = {user["email"]: user["id"] for user in klaviyo.ask("GET", "profiles")}
    returning = [profiles[email_of(user)] for user in departed]
    seeded = [profile_of(user) for user in users("other", OTHERS)]
    unmanaged = klaviyo.ask("POST", "profiles", seeded)["ids"]
    change_list_directly(klaviyo, "POST", vip["id"], [*returning, *unmanaged])
