"""Stage 2: edges become activations, once, and the table follows what is durable."""

from collections.abc import Sequence

import msgspec
import orjson
import pytest

from agents.activate import process_batch
from agents.engine.kafka import Record
from agents.engine.producer import Message
from agents.shared.context import Context
from streams.actions.activation import Activation
from streams.actions.intents import ListAdd, ProfileUpsert
from streams.delivery.verdict import Verdict
from streams.destination.loader import compile_destination
from streams.events.canonical_event import (
    EVENT_OFFSET_HEADER,
    ORIGIN_HEADER,
    SOURCE_TIME_HEADER,
)
from streams.state.user_row import decode_row
from tests.cases.malformed import GOOD
from tests.support.worker_fakes import (
    NOW_MS,
    FakeProducer,
    FakeTable,
    context,
    partition,
    record,
    run,
)

LISTS, PROFILES = "t.activations.lists", "t.activations.profiles"


def _event(offset: int, *, origin: str = "", **fields: object) -> Record:
    at = origin or f"source/3/{offset}"
    value = orjson.dumps(GOOD | {"messageId": f"m{offset}"} | fields)
    headers = [(ORIGIN_HEADER, at.encode())]
    return record(value, offset=offset, key=b"user-1", headers=headers)


def _exit(offset: int) -> Record:
    later = "2025-03-01T11:00:00Z"
    return _event(offset, event="Audience Exited", timestamp=later)


def _identify(offset: int, **traits: object) -> Record:
    return _event(offset, type="identify", traits=traits, context={})


def _process(services: Context, *records: Record) -> None:
    run(process_batch(services, [(partition("t.events"), list(records))]))


def _rows(services: Context) -> dict[bytes, bytes]:
    assert isinstance(services.user_states, FakeTable)
    return services.user_states.rows


def _activations(producer: FakeProducer, topic: str = LISTS) -> list[Activation]:
    values = [message.value or b"" for message in producer.to(topic)]
    return [msgspec.json.decode(value, type=Activation) for value in values]


def test_an_edge_goes_to_its_lane_with_its_origin() -> None:
    """Keyed by user; origin and time are the source record's, the place the stage's."""
    producer = FakeProducer()

    _process(context(producer), _event(7, origin="source/5/99"))

    [message] = producer.to(LISTS)
    [activation] = _activations(producer)
    assert message.key == b"user-1"
    assert message.headers == [
        (ORIGIN_HEADER, b"source/5/99"),
        (SOURCE_TIME_HEADER, b"%d" % NOW_MS),
        (EVENT_OFFSET_HEADER, b"7"),
    ]
    assert str(activation.origin) == "source/5/99"
    assert activation.action == "addProfileToList"
    assert isinstance(activation.intent, ListAdd)


def test_several_events_of_a_user_in_one_poll_follow_each_other() -> None:
    """The second sees what the first did, though the table is written at the end."""
    producer = FakeProducer()
    services = context(producer)

    _process(services, _event(0), _event(1), _exit(2))

    reasons = [item.reason for item in producer.outcomes()]
    intents = [type(one.intent).__name__ for one in _activations(producer)]
    row = decode_row(_rows(services)[b"user-1"])
    assert intents == ["ListAdd", "ListRemove"]
    assert reasons == ["unchanged"]
    assert not row.memberships["vip"].inside


def test_a_replay_of_the_same_records_says_nothing_twice() -> None:
    """Offsets that come again after a crash are repeats."""
    producer = FakeProducer()
    services = context(producer)
    _process(services, _event(0), _exit(1))

    _process(services, _event(0), _exit(1))

    assert len(_activations(producer)) == 2
    assert [item.reason for item in producer.outcomes()] == ["stale", "duplicate"]


def test_the_table_is_written_after_what_it_caused_is_durable() -> None:
    """A crash in between repeats an edge; the other way round would forget it."""
    producer = FakeProducer()
    services = context(producer)
    rows_when_sent: list[int] = []

    def seen(messages: Sequence[Message]) -> None:
        if any(message.topic == LISTS for message in messages):
            rows_when_sent.append(len(_rows(services)))

    producer.on_send = seen
    _process(services, _event(0))

    assert rows_when_sent == [0]
    assert len(_rows(services)) == 1


def test_an_identify_goes_to_the_profiles_lane() -> None:
    """No membership changes; the row has the time of the attributes."""
    producer = FakeProducer()
    services = context(producer)

    _process(services, _identify(0, email="a@b.co"))

    [upsert] = _activations(producer, PROFILES)
    assert upsert.action == "upsertProfile"
    assert isinstance(upsert.intent, ProfileUpsert)
    [row] = map(decode_row, _rows(services).values())
    assert row.memberships == {}
    assert len(row.attributes) == 1


@pytest.mark.parametrize(
    ("bad", "code"),
    [
        pytest.param(
            _event(0, properties={}), "missing-audience-key", id="no-audience"
        ),
        pytest.param(_event(0, origin="nowhere"), "bad-origin", id="no-origin"),
    ],
)
def test_a_bad_event_is_a_dead_letter_and_the_next_one_counts(
    bad: Record, code: str
) -> None:
    """The dead letter is one of its own, with an outcome."""
    producer = FakeProducer()

    _process(context(producer), bad, _event(1))

    [item] = producer.outcomes()
    assert item.verdict is Verdict.DEAD_LETTER
    assert item.reason.startswith(f"{code}: ")
    assert len(producer.to("t.deadletters")) == 1
    assert len(_activations(producer)) == 1


def test_what_a_mapping_makes_that_cannot_be_written_is_a_dead_letter() -> None:
    """The fault ends no worker, changes no row, and the next event counts."""
    half = {
        "@replace": {
            "value": {"@path": "$.event"},
            "pattern": "x",
            "replacement": "\ud800",
        }
    }
    mappings = [{"action": "trackEvent", "fields": {"metric_name": half}}]
    destination = compile_destination({"mappings": mappings})
    producer = FakeProducer()

    _process(
        context(producer, destination=destination),
        _event(0, event="xyz"),
        _event(1, event="plain"),
    )

    [item] = producer.outcomes()
    [activation] = _activations(producer, "t.activations.events")
    assert item.verdict is Verdict.DEAD_LETTER
    assert activation.origin.offset == 1


def test_an_activation_too_large_for_its_lane_is_a_dead_letter() -> None:
    """Kafka's refusal is not the end of a record without an outcome."""
    producer = FakeProducer(max_bytes={PROFILES: 1_000})
    big = _identify(0, email="a@b.co", note="x" * 2_000)

    _process(context(producer), big, _event(1))

    [item] = producer.outcomes()
    assert (item.origin.offset, item.verdict) == (0, Verdict.DEAD_LETTER)
    assert item.reason.startswith("too-large: ")
    assert len(_activations(producer)) == 1


def test_a_refused_mapping_is_a_dead_letter_beside_what_another_one_made() -> None:
    """A single event has two outcomes: the other mapping is done all the same."""
    destination = compile_destination(
        [
            {"action": "subscribeProfile", "trigger": 'type = "identify"'},
            {"action": "upsertProfile", "trigger": 'type = "identify"'},
        ]
    )
    producer = FakeProducer()

    _process(context(producer, destination=destination), _identify(0, firstName="Ann"))

    [dead_letter] = producer.to("t.deadletters")
    [item] = producer.outcomes()
    assert (item.verdict, item.reason.partition(":")[0]) == (
        Verdict.DEAD_LETTER,
        "no-identifier",
    )
    assert dict(dead_letter.headers)["__connect.errors.stage"] == b"activate"
    assert len(_activations(producer, PROFILES)) == 1


def test_an_event_without_a_time_happened_when_its_source_record_was_written() -> None:
    """Not when intake sent it on: it would be newer each time it is redelivered."""
    services = context(FakeProducer())
    body = {name: value for name, value in GOOD.items() if name != "timestamp"}
    written_ms = NOW_MS - 60_000
    headers = [(ORIGIN_HEADER, b"source/3/1"), (SOURCE_TIME_HEADER, b"%d" % written_ms)]
    event = record(orjson.dumps(body), offset=9, key=b"user-1", headers=headers)

    _process(services, event)

    [membership] = decode_row(_rows(services)[b"user-1"]).memberships.values()
    assert membership.time_ms == written_ms
