"""Stage 2: edges become activations, once, and the table follows what is durable."""

from collections.abc import Mapping, Sequence

import msgspec
import orjson
import pytest

from agents.activate import process_batch
from agents.engine.kafka import Record
from agents.engine.producer import Message
from agents.shared.context import Context
from streams.actions.activation import Activation
from streams.actions.intents import EventRecord, ListAdd, ProfileUpsert
from streams.delivery.verdict import Verdict
from streams.destination.loader import compile_destination
from streams.events.canonical_event import (
    EVENT_OFFSET_HEADER,
    ORIGIN_HEADER,
    SOURCE_TIME_HEADER,
)
from streams.state.user_state import UserState
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


def _state(services: Context) -> UserState:
    assert isinstance(services.user_states, FakeTable)
    return services.user_states.state_of(b"user-1")


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
    state = _state(services)
    assert intents == ["ListAdd", "ListRemove"]
    assert reasons == ["unchanged"]
    assert not state.memberships["vip"].inside


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
    members_when_sent: list[int] = []

    def seen(messages: Sequence[Message]) -> None:
        if any(message.topic == LISTS for message in messages):
            members_when_sent.append(len(_state(services).memberships))

    producer.on_send = seen
    _process(services, _event(0))

    assert members_when_sent == [0]
    assert len(_state(services).memberships) == 1


def test_an_identify_goes_to_the_profiles_lane() -> None:
    """No membership changes; the row has the time of the attributes."""
    producer = FakeProducer()
    services = context(producer)

    _process(services, _identify(0, email="a@b.co"))

    [upsert] = _activations(producer, PROFILES)
    assert upsert.action == "upsertProfile"
    assert isinstance(upsert.intent, ProfileUpsert)
    assert _state(services).memberships == {}
    assert len(_state(services).attributes) == 1


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


def test_half_a_character_that_a_mapping_makes_is_replaced() -> None:
    """JSON cannot express it, and the event is worth more than the character."""
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

    activations = _activations(producer, "t.activations.events")
    intents = [activation.intent for activation in activations]
    metrics = [one.metric for one in intents if isinstance(one, EventRecord)]
    assert metrics == ["\ufffdyz", "plain"]
    assert producer.outcomes() == []


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

    [membership] = _state(services).memberships.values()
    assert membership.time_ms == written_ms


ADA, ADA_PHONE = "ada@example.com", "+12025550101"


def _about_ada(offset: int, kind: str, event: str = "", **fields: object) -> Record:
    traits = {"email": ADA, "phone": ADA_PHONE, "firstName": "Ada"}
    body = {
        "type": kind,
        "event": event,
        "userId": "user-1",
        "timestamp": f"2025-03-01T10:00:{offset:02}Z",
        "traits": traits,
        "context": {"traits": traits},
        "properties": {"audience_key": "vip", "email": ADA},
        **fields,
    }
    headers = [(ORIGIN_HEADER, f"source/3/{offset}".encode())]
    return record(orjson.dumps(body), offset=offset, key=b"user-1", headers=headers)


def test_a_deletion_leaves_no_address_in_the_state() -> None:
    """No key and no entry holds an address; late events bring nothing back."""
    services = context(FakeProducer())
    _process(
        services,
        _about_ada(1, "identify"),
        _about_ada(2, "track", "Audience Entered"),
        _about_ada(3, "track", "User Subscribed"),
        _about_ada(4, "track", "User Unsubscribed"),
    )
    assert isinstance(services.user_states, FakeTable)
    before = services.user_states.entries()

    _process(services, _about_ada(9, "delete"))
    _process(services, _about_ada(5, "identify"), _about_ada(6, "track", "Viewed"))

    after = services.user_states.entries()
    assert any(ADA.encode() in entry for entry in before.values())
    assert not [
        key
        for key, entry in after.items()
        if any(text.encode() in key + entry for text in (ADA, ADA_PHONE, "ada"))
    ]
    assert {key.split(b"\0")[1] for key in after} == {b"profile"}


@pytest.mark.parametrize("at_once", [True, False], ids=["one-fetch", "two-fetches"])
@pytest.mark.parametrize(
    ("offset", "known"),
    [pytest.param(8, 0, id="before"), pytest.param(10, 1, id="behind")],
)
def test_a_deletion_and_an_event_in_one_millisecond_have_an_order(
    offset: int, known: int, *, at_once: bool
) -> None:
    """The order of their source records counts: only the one behind teaches."""
    producer = FakeProducer()
    services = context(producer)
    same_time = {"timestamp": "2025-03-01T10:00:00Z"}
    deletion = _about_ada(9, "delete", **same_time)
    identify = _about_ada(offset, "identify", **same_time)
    fetches = [[deletion, identify]] if at_once else [[deletion], [identify]]
    for fetch in fetches:
        _process(services, *fetch)

    _process(services, _event(11, type="track", event="Viewed", context={}))

    [viewed] = _activations(producer, "t.activations.events")
    assert isinstance(viewed.intent, EventRecord)
    assert [*viewed.intent.profile].count("email") == known


def _enters(offset: int, audience: str) -> Record:
    moment = f"2025-03-01T10:{offset // 60:02}:{offset % 60:02}Z"
    return _event(offset, properties={"audience_key": audience}, timestamp=moment)


def _size(changes: Mapping[bytes, bytes | None]) -> int:
    return sum(len(key) + len(entry or b"") for key, entry in changes.items())


def test_a_user_in_many_audiences_costs_an_event_what_a_user_in_one_costs() -> None:
    """An event reads and writes its own entries, however many there are."""
    producer = FakeProducer()
    services = context(producer)
    table = services.user_states
    assert isinstance(table, FakeTable)
    for number in range(1_000):
        _process(services, _enters(number, f"audience-{number:04}"))
    reads_before = table.read_count

    _process(services, _enters(1_000, "audience-1000"))

    first, *_, last = table.writes
    assert table.read_count - reads_before <= 3
    assert len(last) == 1
    assert _size(last) <= _size(first) + 10  # longer offsets and message ids
    assert len(_activations(producer)) == 1_001
    assert len(_state(services).memberships) == 1_001


def test_a_user_in_many_audiences_can_be_deleted() -> None:
    """The deletion removes each membership, and the next event finds none."""
    services = context(FakeProducer())
    _process(services, *(_enters(n, f"audience-{n:04}") for n in range(1_000)))

    deletion = _event(1_001, type="delete", timestamp="2025-03-01T12:00:00Z")
    _process(services, deletion)

    assert _state(services).memberships == {}
