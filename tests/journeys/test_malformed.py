"""Records nobody can read: each one dead letter, and the record after it processed."""

from typing import NamedTuple

import orjson
import pytest

from streams.dead_letters.encoding import VALUE_MAX_BYTES
from streams.delivery.verdict import Verdict
from streams.events.canonical_event import Origin
from tests.cases.malformed import GOOD, MALFORMED, Malformed
from tests.journeys.harness import Pipeline
from tests.journeys.topics import DeadLetterRow, TimedOutcome

pytestmark = [pytest.mark.kafka, pytest.mark.slow]

LARGE = {"max.message.bytes": "12000000"}
STAGES = {"intake", "activate"}
PREFIX = "__connect.errors."

rows = pytest.mark.parametrize(
    "row", [pytest.param(row, id=row.id) for row in MALFORMED]
)


class End(NamedTuple):
    """Outcomes of a malformed record and of the good record after it."""

    origin: Origin
    dead_letters: list[DeadLetterRow]
    outcomes: list[TimedOutcome]
    after: list[TimedOutcome]


@pytest.fixture(scope="module")
def ends(shared: Pipeline) -> dict[str, End]:
    """Publish each row and a good record behind it, once for all tests."""
    shared.broker.create_topics(shared.source, partitions=4, config=LARGE)
    shared.run()
    origins = _publish(shared)
    shared.await_quiet(origin for origins_ in origins.values() for origin in origins_)
    dead_letters = shared.await_dead_letters(len(MALFORMED))
    return {
        name: End(
            bad,
            [dead_letter for dead_letter in dead_letters if _names(dead_letter, bad)],
            shared.outcomes.of[bad],
            shared.outcomes.of[after],
        )
        for name, (bad, after) in origins.items()
    }


def _publish(pipeline: Pipeline) -> dict[str, tuple[Origin, Origin]]:
    """Publish each row and the good record; a pair has one key, so one partition."""
    after = [
        orjson.dumps(GOOD | {"userId": f"after-{row.id}", "messageId": row.id})
        for row in MALFORMED
    ]
    origins = iter(
        pipeline.publish(
            (row.id, value)
            for row, good in zip(MALFORMED, after, strict=True)
            for value in (row.build(), good)
        )
    )
    return {row.id: (next(origins), next(origins)) for row in MALFORMED}


def _names(dead_letter: DeadLetterRow, origin: Origin) -> bool:
    origin_headers = [
        dead_letter.headers[PREFIX + name] for name in ("topic", "partition", "offset")
    ]
    return "/".join(origin_headers) == str(origin)


@rows
def test_it_ends_as_one_dead_letter_that_says_why(
    ends: dict[str, End], row: Malformed
) -> None:
    """Kafka Connect's headers name origin, stage and reason."""
    [dead_letter] = ends[row.id].dead_letters
    [outcomes] = ends[row.id].outcomes

    assert dead_letter.headers[PREFIX + "exception.class.name"] == row.code
    assert len(dead_letter.headers[PREFIX + "exception.message"]) > 5
    assert dead_letter.headers[PREFIX + "stage"] in STAGES
    assert dead_letter.headers[PREFIX + "stage"] == outcomes.stage
    assert outcomes.item.verdict is Verdict.DEAD_LETTER
    assert outcomes.item.reason.startswith(f"{row.code}: ")


@rows
def test_its_value_is_kept(ends: dict[str, End], row: Malformed) -> None:
    """Untouched; a larger one than a topic takes is cut, and a header says so."""
    [dead_letter] = ends[row.id].dead_letters
    value = row.build()
    cut = value is not None and len(value) > VALUE_MAX_BYTES

    assert dead_letter.value == (value[:VALUE_MAX_BYTES] if value and cut else value)
    assert dead_letter.headers.get("ks.truncated-from-bytes") == (
        str(len(value)) if value and cut else None
    )


@rows
def test_the_record_after_it_is_processed(ends: dict[str, End], row: Malformed) -> None:
    """A bad record neither stops its partition nor takes its neighbour along."""
    [outcomes] = ends[row.id].after

    assert (outcomes.stage, outcomes.item.verdict) == (
        "deliver.lists",
        Verdict.DELIVERED,
    )


def test_there_are_as_many_dead_letters_as_malformed_records(
    ends: dict[str, End], shared: Pipeline
) -> None:
    """None twice, none for a good record."""
    assert len(ends) == len(MALFORMED)
    assert len(shared.dead_letters) == len(MALFORMED)
    assert len({str(end.origin) for end in ends.values()}) == len(MALFORMED)
