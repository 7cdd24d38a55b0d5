"""Which audiences `reconcile` looks at, against a broker in this process."""

import json
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from tests.agents.cli.support.reconcile_harness import ReconcileHarness, open_harness


@pytest.fixture
def harness() -> Iterator[ReconcileHarness]:
    """Open a harness with empty topics."""
    with open_harness() as harness:
        yield harness


def _members(*names: str) -> list[dict[str, str]]:
    return [{"email": f"{name}@example.com"} for name in names]


def test_an_audience_without_a_list_is_no_audience_that_is_equal(
    harness: ReconcileHarness,
) -> None:
    """Each is said, and the code tells it to a program; nobody is repaired unasked."""
    harness.create_list("vip", _members("ann"))
    harness.store_memberships("ann@example.com", vip=True, cart=True, fans=True)
    harness.store_memberships("bob@example.com", fans=True)

    looked = harness.run()
    applied = harness.run("--apply", "--no-wait")
    as_json = [json.loads(line) for line in harness.run("--json").stdout.splitlines()]

    assert [looked.exit_code, applied.exit_code] == [1, 1]
    for result in (looked, applied):
        lines = result.stdout.splitlines()
        assert "cart: 1 inside; no list yet" in lines
        assert "fans: 2 inside; no list yet" in lines
        assert "  missing            0" in lines
    assert {"audience": "fans", "list_id": "", "inside": 2} in as_json
    assert harness.sent() == []


def test_one_that_everybody_has_left_needs_no_list(harness: ReconcileHarness) -> None:
    """An audience without members needs no list and counts as equal."""
    harness.store_memberships("ann@example.com", cart=False)

    result = harness.run()

    assert result.exit_code == 0
    assert result.stdout == "cart: 0 inside; no list yet\n"


@pytest.mark.parametrize("audience", ["cart", "fans"])
def test_one_that_is_named_is_repaired_whole(
    harness: ReconcileHarness, audience: str
) -> None:
    """Whoever is in another one without a list too."""
    for user in ("ann@example.com", "bob@example.com"):
        harness.store_memberships(user, cart=True, fans=True)

    result = harness.run("--audience", audience, "--apply", "--no-wait")

    assert result.exit_code == 0
    assert sorted((one.user, one.audience) for one in harness.sent()) == [
        ("ann@example.com", audience),
        ("bob@example.com", audience),
    ]


def test_with_the_sync_of_audiences_off_nothing_is_compared(
    harness: ReconcileHarness, tmp_path: Path
) -> None:
    """A mapping moves the lists; the table's words on audiences are of long ago."""
    file = tmp_path / "destination.yaml"
    file.write_text("settings: {sync_audiences: false}\n")
    harness.create_list("vip", _members("ann"))
    harness.store_memberships("bob@example.com", vip=True)

    result = harness.run("--apply", "--no-wait", KLAVIYO_STREAMS_DESTINATION=str(file))

    assert result.exit_code == 1
    assert "sync_audiences is off" in result.output
    assert harness.sent() == []


def test_nobody_is_added_under_what_may_be_the_id_of_a_device(
    harness: ReconcileHarness,
) -> None:
    """A user key that may be a device id is never used as an identifier."""
    harness.create_list("vip", [])
    harness.klaviyo.ask("POST", "profiles", [{"external_id": "u-1"}])
    for user in ("ann@example.com", "u-1", "anon-9f3"):
        harness.store_memberships(user, 7, vip=True)

    looked = harness.run()
    applied = harness.run("--apply", "--no-wait")

    for result in (looked, applied):
        assert "  1 cannot be identified: anon-9f3" in result.stdout
        assert "  missing            2  " in result.stdout
    profiles = {
        one.user: msgspec.to_builtins(one.intent)["profile"] for one in harness.sent()
    }
    assert profiles == {
        "ann@example.com": {"email": "ann@example.com"},
        "u-1": {"external_id": "u-1"},
    }


@pytest.mark.parametrize("inside", [True, False], ids=["missing", "unexpected"])
def test_a_repair_bears_the_time_of_its_source_record(
    harness: ReconcileHarness, *, inside: bool
) -> None:
    """Kafka's, which tells later that it is the same record; the event's is another."""
    moment = "2026-11-01T10:00:00Z"
    harness.publish(
        {"type": "track", "event": "x", "userId": "u-1", "timestamp": moment}
    )
    harness.store_memberships("u-1", vip=inside)
    harness.create_list("vip", [] if inside else [{"external_id": "u-1"}])

    result = harness.run("--apply", "--no-wait")

    assert "1 to repair" in result.stdout
    assert harness.sent_at() == harness.written_at()
