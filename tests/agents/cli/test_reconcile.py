"""Output of `reconcile`; the journeys run the command on a real Kafka."""

import json
from collections import Counter

import pytest
from click.testing import CliRunner

from agents.cli import main
from agents.cli.reconcile import outcome_lines, report_lines
from streams.events.canonical_event import Origin
from streams.klaviyo.lookups.lists import ListMember
from streams.reconcile.comparison import Comparison, ListReport
from streams.reconcile.desired_memberships import DesiredMembership
from streams.state.entries import LastWrite


def desired_membership(
    user: str, *, audience: str = "vip", inside: bool = True
) -> DesiredMembership:
    """Return one desired membership of a user."""
    origin = Origin(topic="s", partition=0, offset=0)
    membership = LastWrite(inside=inside, time_ms=1, origin=origin)
    return DesiredMembership(user=user, audience=audience, last_write=membership)


def found(*, gone: bool = False, list_id: str = "L1") -> ListReport:
    """Two audiences with one list: six missing, one unexpected, one of another's.

    And one whom nobody can name.
    """
    memberships = {
        one.user: one
        for one in (
            *(desired_membership(f"u-{number}") for number in range(6)),
            desired_membership("device"),
            desired_membership("left", audience="lapsed", inside=False),
        )
    }
    members = [
        ListMember(profile_id="P", external_id="left"),
        ListMember(profile_id="Q", email="someone@example.com"),
    ]
    comparison = Comparison(memberships, [] if gone else members)
    for number in range(6):
        comparison.add_identity(f"u-{number}", {"external_id": f"u-{number}"})
    return ListReport(
        list_id=list_id,
        is_list_gone=gone,
        member_count=0 if gone else 2,
        desired=memberships,
        differences=comparison.find_differences(),
    )


def test_a_person_reads_counts_and_a_few_users() -> None:
    """No address of a member whom the table doesn't know."""
    assert list(report_lines(found(), as_json=False)) == [
        "lapsed: 0 inside; list L1: 2 members",
        "  missing            0",
        "  unexpected         1  left",
        "  others             1",
        "vip: 7 inside; list L1: 2 members",
        "  missing            6  u-0, u-1, u-2, u-3, u-4, …",
        "  unexpected         0",
        "  1 cannot be identified: device",
        "  others             1",
    ]


def test_a_program_reads_every_difference() -> None:
    """A line for the counts of an audience, then one a difference."""
    read = [json.loads(line) for line in report_lines(found(), as_json=True)]

    assert read[:2] == [
        {
            "audience": audience,
            "list_id": "L1",
            "gone": False,
            "inside": inside,
            "members": 2,
            "missing": missing,
            "unexpected": 1 - inside // 7,
            "unnamed": inside - missing,
            "others": 1,
        }
        for audience, inside, missing in (("lapsed", 0, 0), ("vip", 7, 6))
    ]
    assert Counter(one["kind"] for one in read[2:]) == {
        "missing": 6,
        "unexpected": 1,
        "unnamed": 1,
        "others": 1,
    }
    assert read[-1] == {"kind": "others", "profile_id": "Q", "list_id": "L1"}


@pytest.mark.parametrize(
    ("list_id", "said"),
    [
        pytest.param("L1", "vip: 7 inside; list L1: deleted in Klaviyo", id="gone"),
        pytest.param("", "vip: 7 inside; no list yet", id="none-yet"),
    ],
)
def test_a_list_that_is_not_there_is_said_to_be(list_id: str, said: str) -> None:
    """Everyone inside is missing on it."""
    lines = list(report_lines(found(gone=True, list_id=list_id), as_json=False))

    assert said in lines


def test_the_ends_are_counted() -> None:
    """By verdict and reason."""
    ended = Counter({("delivered", ""): 15, ("discarded", "stale"): 5})

    assert list(outcome_lines(ended, as_json=False)) == [
        "  delivered         15",
        "  discarded          5 stale",
    ]
    assert [
        json.loads(line)["count"] for line in outcome_lines(ended, as_json=True)
    ] == [
        15,
        5,
    ]


@pytest.mark.parametrize(
    "options",
    [
        pytest.param(["--resync", "--apply"], id="of-all"),
        pytest.param(["--resync", "--audience", "vip"], id="dry"),
    ],
)
def test_a_resync_must_be_meant(options: list[str]) -> None:
    """A resync needs a named audience and --apply."""
    result = CliRunner().invoke(main, ["reconcile", *options])

    assert result.exit_code == 2
    assert "--resync requires --audience and --apply" in result.output


def test_without_a_key_it_says_so() -> None:
    """Before it reads anything."""
    result = CliRunner().invoke(
        main,
        ["reconcile"],
        env={"KLAVIYO_API_KEY": "", "KLAVIYO_STREAMS_STAGES": "intake"},
    )

    assert result.exit_code == 1
    assert "klaviyo_api_key: missing" in result.output
