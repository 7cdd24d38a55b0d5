"""The fault matrix, poison: one bad item in each lane, its neighbours unharmed.

Written to the lanes themselves: what comes by the source topic is refused before it
gets there. The long form, `KLAVIYO_STREAMS_TESTS_LONG=1 pytest
tests/journeys/test_matrix_*.py`, has more neighbours.
"""

from collections.abc import Callable, Iterable
from typing import NamedTuple

import msgspec
import pytest

from streams.actions.activation import Activation
from streams.actions.intents import (
    Consent,
    ConsentChange,
    Deletion,
    EventRecord,
    Intent,
    ListAdd,
    ProfileUpsert,
)
from streams.delivery.verdict import Verdict
from streams.events.canonical_event import Origin
from streams.settings.model import LaneId
from tests.journeys.conftest import Say
from tests.journeys.harness import LONG, Pipeline, Record
from tests.journeys.klaviyo import Klaviyo
from tests.journeys.sample_events import START_MS, email_of, profile_of, users
from tests.journeys.shop_day import dead_letter_reasons

pytestmark = [pytest.mark.kafka, pytest.mark.slow]

NEIGHBOURS = 500 if LONG else 40
NO_ADDRESS = "no address"
UNREADABLE: Record = ("unreadable", b'{"action": ')
LIST = "Newsletter"
METRIC = "Poisoned"
FIRST_NAME = "Pat"
FAILING = 3


class Row(NamedTuple):
    """A lane, what is wanted for an address there, and the addresses for whom it is."""

    lane: LaneId
    wanted: Callable[[str, str], Intent]
    """Of an address and the list's id."""
    held: Callable[[Klaviyo], Iterable[str]]
    """Addresses for which Klaviyo holds it; of events one for each."""
    gone: bool = False
    """Klaviyo has them all before, and none afterwards."""


def _named(email: str) -> dict[str, str]:
    return {"email": email}


def _updated(klaviyo: Klaviyo) -> list[str]:
    found = klaviyo.ask("GET", "profiles")
    return [one["email"] for one in found if one.get("first_name") == FIRST_NAME]


def _recorded(klaviyo: Klaviyo) -> list[str]:
    found = klaviyo.ask("GET", "profiles")
    emails = {one["id"]: one["email"] for one in found}
    events = klaviyo.ask("GET", "events")
    return [emails[one["profile_id"]] for one in events if one["metric"] == METRIC]


def _subscribed(klaviyo: Klaviyo) -> list[str]:
    return [
        one["email"]
        for one in klaviyo.ask("GET", "consent")
        if one["consents"]["email/marketing"]["status"] == Consent.SUBSCRIBED
    ]


ROWS = {
    row.lane: row
    for row in (
        Row(
            LaneId.LISTS,
            lambda email, listed: ListAdd(list_id=listed, profile=_named(email)),
            lambda klaviyo: klaviyo.members_of(LIST),
        ),
        Row(
            LaneId.PROFILES,
            lambda email, _: ProfileUpsert(
                profile={**_named(email), "first_name": FIRST_NAME}
            ),
            _updated,
        ),
        Row(
            LaneId.EVENTS,
            lambda email, _: EventRecord(
                metric=METRIC, profile=_named(email), properties={}, unique_id=email
            ),
            _recorded,
        ),
        Row(
            LaneId.CONSENT,
            lambda email, _: ConsentChange(
                consent=Consent.SUBSCRIBED,
                profile=_named(email),
                channels=("email.marketing",),
            ),
            _subscribed,
        ),
        Row(
            LaneId.PRIVACY,
            lambda email, _: Deletion(identifiers=_named(email)),
            lambda klaviyo: klaviyo.emails(),
            gone=True,
        ),
    )
}


@pytest.fixture(scope="module")
def running(shared: Pipeline) -> Pipeline:
    """Pipeline with one worker, so that records published together share a batch."""
    shared.klaviyo.ask("POST", "lists", [{"name": LIST}])
    return shared.run(batch_max_age_s=1)


@pytest.mark.parametrize("lane", list(LaneId))
def test_a_poison_item_ends_alone(running: Pipeline, say: Say, lane: LaneId) -> None:
    """Only unreadable and refused records become dead letters."""
    row, who = ROWS[lane], users(f"{lane}-whole", NEIGHBOURS)
    good = _records(running, row, [(user, email_of(user)) for user in who])
    poison = _records(running, row, [(f"{lane}-poison", NO_ADDRESS)])
    middle = NEIGHBOURS // 2
    if row.gone:
        running.klaviyo.ask("POST", "profiles", list(map(profile_of, who)))
    before = sorted(set(row.held(running.klaviyo)) - _emails(who))

    origins = running.publish(
        [*good[:middle], *poison, UNREADABLE, *good[middle:]],
        topic=running.settings.topics.activations[lane],
    )
    running.await_quiet(origins)

    after = before if row.gone else sorted([*before, *_emails(who)])
    running.until(lambda: sorted(row.held(running.klaviyo)) == after)
    reasons = dead_letter_reasons(running, origins)
    say(f"{lane}: {sorted(reasons.values())}; RSS {running.rss_bytes >> 20} MiB")
    assert list(reasons) == origins[middle : middle + 2]
    assert _ends(running, origins) == [Verdict.DELIVERED] * NEIGHBOURS
    assert sorted(row.held(running.klaviyo)) == after


@pytest.mark.parametrize("lane", [LaneId.LISTS, LaneId.PROFILES])
def test_an_import_with_some_errors_settles_each_item_by_itself(
    running: Pipeline, lane: LaneId
) -> None:
    """Profiles that fail in the job are dead letters, the others are imported."""
    row, who = ROWS[lane], users(f"{lane}-partial", NEIGHBOURS)
    before = sorted(row.held(running.klaviyo))
    running.klaviyo.fail("import-errors", items=FAILING, count=1)

    origins = running.publish(
        _records(running, row, [(user, email_of(user)) for user in who]),
        topic=running.settings.topics.activations[lane],
    )
    running.await_quiet(origins)
    running.klaviyo.mend()

    failed = dead_letter_reasons(running, origins)
    through = [
        email_of(user)
        for user, origin in zip(who, origins, strict=True)
        if origin not in failed
    ]
    assert len(failed) == FAILING
    assert sorted(row.held(running.klaviyo)) == sorted([*before, *through])


def _records(
    pipeline: Pipeline, row: Row, who: Iterable[tuple[str, str]]
) -> list[Record]:
    """Create activations for users and their addresses."""
    [named] = pipeline.klaviyo.named(LIST)
    return [
        (
            user,
            msgspec.json.encode(
                Activation(
                    action="test",
                    user=user,
                    intent=row.wanted(email, named["id"]),
                    time_ms=START_MS,
                    origin=Origin(topic="test", partition=0, offset=0),
                    message_id=user,
                )
            ),
        )
        for user, email in who
    ]


def _emails(who: Iterable[str]) -> set[str]:
    return set(map(email_of, who))


def _ends(pipeline: Pipeline, origins: Iterable[Origin]) -> list[Verdict]:
    """Return the outcomes of all records without a dead letter."""
    return [
        outcome.item.verdict
        for origin in origins
        for outcome in pipeline.outcomes.of[origin]
        if outcome.item.verdict is not Verdict.DEAD_LETTER
    ]
