"""Stage intake: every case of every source format, in one batch a format."""

from dataclasses import replace

import orjson
import pytest

from agents.engine.kafka import Record
from agents.intake import process_records
from streams.delivery.verdict import Verdict
from streams.destination.loader import compile_destination
from streams.events.canonical_event import ORIGIN_HEADER
from tests.cases.sources.case import Bad, Good, encoded
from tests.cases.sources.formats import BAD, GOOD, OPTIONS
from tests.support.worker_fakes import FakeProducer, context, record, run, settings

TOPICS = settings().topics
MARGIN_BYTES = 500


def _topic(index: int) -> str:
    return f"t.source-{index}"


def _records(cases: tuple[Good | Bad, ...]) -> list[Record]:
    return [
        record(
            encoded(case.value),
            topic=_topic(index),
            key=encoded(case.key),
            headers=case.headers,
        )
        for index, case in enumerate(cases)
    ]


def _processed(name: str, cases: tuple[Good | Bad, ...]) -> FakeProducer:
    """Process all cases at once, each from a topic of its own, for its options."""
    sources = {
        f"s{index}": {"topic": _topic(index), **OPTIONS[name], **case.options}
        for index, case in enumerate(cases)
    }
    destination = compile_destination({"sources": sources, "mappings": []})
    producer = FakeProducer()
    services = context(producer, destination=destination)
    run(process_records(services, _records(cases)))
    return producer


@pytest.mark.parametrize("name", GOOD)
def test_good_records_become_events_with_origins_of_their_own(name: str) -> None:
    """Events of one record differ in the last part of the origin."""
    cases = GOOD[name]
    producer = _processed(name, cases)

    origins = [dict(m.headers)[ORIGIN_HEADER] for m in producer.to(TOPICS.events)]
    expected = [
        f"{_topic(index)}/0/0" + (f"/{row}" if row else "")
        for index, case in enumerate(cases)
        for row in range(len(case.events))
    ]
    assert origins == [text.encode() for text in expected]
    assert not producer.to(TOPICS.deadletters)
    skipped = [item.reason.partition(":")[0] for item in producer.outcomes()]
    assert skipped == [case.skipped for case in cases if case.skipped]


@pytest.mark.parametrize("name", BAD)
def test_each_malformed_record_is_one_dead_letter(name: str) -> None:
    """And stops no other record."""
    producer = _processed(name, BAD[name])

    items = producer.outcomes()
    assert [item.reason.partition(":")[0] for item in items] == [
        case.code for case in BAD[name]
    ]
    assert {item.verdict for item in items} == {Verdict.DEAD_LETTER}
    assert len(producer.to(TOPICS.deadletters)) == len(BAD[name])
    assert not producer.to(TOPICS.events)


def test_auto_warns_of_what_it_guessed() -> None:
    """The worker's log has each warning once; an operator then names the format."""
    destination = compile_destination(
        {"sources": {"s": {"topic": "t.auto", "format": "auto"}}, "mappings": []}
    )
    row = orjson.dumps({"id": 1})
    records = [record(row, topic="t.auto", key=b"1", offset=n) for n in range(3)]
    producer, warnings = FakeProducer(), list[str]()
    services = replace(context(producer, destination=destination), warn=warnings.append)

    run(process_records(services, records))

    [text] = set(warnings)
    assert text.startswith("topic t.auto: the format is guessed to be rows (connect")
    assert len(producer.to(TOPICS.events)) == 3
