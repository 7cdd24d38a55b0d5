"""Activations that come back: is each still the last word, and on which list?"""

from dataclasses import replace

import msgspec
import orjson

from streams.actions.activation import decode_activation
from streams.actions.intents import (
    Consent,
    ConsentChange,
    EventRecord,
    ListAdd,
    ListRemove,
    identifying_attributes,
)
from streams.destination.loader import compile_destination
from streams.events.canonical_event import ORIGIN_HEADER
from tests.journeys.sample_events import START_MS, moves
from tests.support.reprocess_records import (
    DAY_MS,
    IDENTIFIERS,
    SOURCE_ORIGIN,
    activation,
    activations,
    entered_record,
    requeued_record,
    run_activate,
    sent_intents,
)
from tests.support.worker_fakes import (
    NOW_MS,
    FakeProducer,
    context,
    record,
)


def test_an_activation_that_is_still_the_last_word_goes_back_to_its_lane() -> None:
    """As one of its replay."""
    producer = FakeProducer()
    services = context(producer)

    run_activate(services, requeued_record(activation()))
    run_activate(services, requeued_record(activation()))

    assert activations(producer) == [activation(replay="r-1")] * 2


def test_an_activation_that_was_outdone_does_not() -> None:
    """The user has left since then."""
    producer = FakeProducer()
    services = context(producer)
    [(user, value)] = moves(["u-1"], "vip", entered=False)
    run_activate(services, record(value, key=user.encode()))
    producer.sent.clear()

    run_activate(services, requeued_record(activation()))

    assert activations(producer) == []
    assert [item.reason for item in producer.outcomes()] == ["stale"]


def test_an_event_of_long_ago_fires_no_flow_when_it_comes_back() -> None:
    """The event is older than `replay_backfill_after_s`."""
    producer = FakeProducer()
    services = context(producer)
    record_ = EventRecord(
        metric="M", profile={"external_id": "u-1"}, properties={}, unique_id="m"
    )
    fields = {"action": "trackEvent", "intent": record_, "audience": ""}

    run_activate(
        services,
        requeued_record(activation(time_ms=NOW_MS - 2 * DAY_MS, **fields)),
        requeued_record(activation(time_ms=NOW_MS - DAY_MS // 2, **fields)),
    )

    intents = [one.intent for one in activations(producer)]
    assert [isinstance(i, EventRecord) and i.backfill for i in intents] == [True, False]


def test_an_audience_that_is_synced_no_more_moves_no_list() -> None:
    """Whatever waits among the dead letters."""
    off = compile_destination({"audiences": {"vip": {"enabled": False}}})
    producer = FakeProducer()

    run_activate(context(producer, destination=off), requeued_record(activation()))

    assert activations(producer) == []
    assert [item.reason for item in producer.outcomes()] == ["audience-not-synced"]


def test_an_activation_means_the_list_that_the_settings_name_now() -> None:
    """The one it named is not in Klaviyo any more."""
    producer = FakeProducer()
    services = context(producer)
    [(user, value)] = moves(["u-1"], "vip", entered=True)
    headers = ((ORIGIN_HEADER, str(SOURCE_ORIGIN).encode()),)
    run_activate(services, record(value, key=user.encode(), headers=headers))
    [fields] = activations(producer)
    producer.sent.clear()
    mended = replace(
        services, destination=compile_destination({"audiences": {"vip": "L2"}})
    )

    old = msgspec.structs.replace(
        fields, intent=ListAdd(list_id="L1", profile=IDENTIFIERS)
    )
    run_activate(mended, requeued_record(old))

    [intent] = sent_intents(producer)
    assert isinstance(intent, ListAdd)
    assert intent.list_id == "L2"


def test_a_table_rebuilt_from_a_lane_knows_the_list_that_an_event_named() -> None:
    """An exit that names none is from that one."""
    producer = FakeProducer()
    services = context(producer)
    fields = activation(intent=ListAdd(list_id="LX", profile=IDENTIFIERS))

    run_activate(services, requeued_record(fields, "rebuild"))
    [(user, value)] = moves(["u-1"], "vip", entered=False, at_s=60)
    run_activate(services, record(value, key=user.encode()))

    [intent] = sent_intents(producer)
    assert isinstance(intent, ListRemove)
    assert intent.list_id == "LX"


def test_a_repair_does_not_bring_an_old_address_back() -> None:
    """The user has changed the address since the entry."""
    producer = FakeProducer()
    services = context(producer)
    fields = {"type": "identify", "userId": "u-1", "timestamp": START_MS + 5_000}
    value = orjson.dumps(fields | {"traits": {"email": "new@example.com"}})
    run_activate(services, record(value, key=b"u-1"))
    producer.sent.clear()

    old = activation(
        time_ms=START_MS,
        intent=ListAdd(list_id="", profile=IDENTIFIERS | {"email": "old@example.com"}),
    )
    run_activate(services, requeued_record(old))
    run_activate(services, entered_record("again"))

    assert [identifying_attributes(one) for one in sent_intents(producer)] == [
        IDENTIFIERS | {"email": "new@example.com"}
    ] * 2


def test_a_requeued_activation_without_a_readable_origin_is_a_dead_letter() -> None:
    """The outcome could name no source record."""
    producer = FakeProducer()
    requeued = requeued_record(activation())
    headers = ((ORIGIN_HEADER, b"nowhere"), *requeued.headers)

    run_activate(context(producer), replace(requeued, headers=headers))

    assert activations(producer) == []
    assert [item.reason.partition(":")[0] for item in producer.outcomes()] == [
        "bad-origin"
    ]


def test_a_consent_for_a_previous_address_comes_back_without_the_user() -> None:
    """The user's profile would get that address back."""
    producer = FakeProducer()
    services = context(producer)
    consent = ConsentChange(
        consent=Consent.SUBSCRIBED,
        profile={"email": "old@b.co"},
        channels=("email.marketing",),
        external_id="u-1",
    )
    for later_ms, email in enumerate(("old@b.co", "new@b.co")):
        event = {
            "type": "identify",
            "userId": "u-1",
            "timestamp": START_MS - 10 + later_ms,
            "traits": {"email": email},
        }
        run_activate(services, record(orjson.dumps(event), key=b"u-1"))
    producer.sent.clear()

    requeued = activation(
        action="subscribeProfile", intent=consent, audience="", time_ms=START_MS
    )
    run_activate(services, requeued_record(requeued))

    [message] = producer.to("t.activations.consent")
    sent = decode_activation(message.value)
    assert sent.intent == msgspec.structs.replace(consent, external_id="")
