"""Tests that `explain` and a worker agree on what becomes of an event."""

from collections.abc import Iterable

import orjson
import pytest

from agents import activate, intake
from agents.cli.support.event_tester import parse_request, plan_steps
from streams.actions.activation import decode_activation
from streams.destination.loader import compile_destination
from streams.destination.model import Destination
from streams.errors import PoisonRecord
from streams.settings.model import LaneId
from tests.cases.malformed import MALFORMED, ODD_BUT_GOOD
from tests.support.worker_fakes import (
    FakeProducer,
    context,
    partition,
    presets,
    record,
    run,
)

CONSENTING = compile_destination({"settings": {"consent_categories": ["marketing"]}})

EVENTS = {
    "page": b'{"type":"page","userId":"u1"}',
    "viewed": b'{"type":"track","event":"Viewed","userId":"u1","properties":{}}',
    "identify": b'{"type":"identify","userId":"u1","traits":{"email":"a@b.co"}}',
    "junk-id": b'{"type":"identify","userId":"null","anonymousId":"a"}',
    "opted-out": b'{"type":"track","event":"V","userId":"u",'
    b'"integrations":{"All":false}}',
    "no-consent": b'{"type":"track","event":"V","userId":"u","context":{"consent":'
    b'{"categoryPreferences":{}}}}',
    "bad-time": b'{"type":"track","event":"V","userId":"u","timestamp":"03/04/2025"}',
    "bad-email": b'{"type":"identify","userId":"u1","traits":{"email":"nope"}}',
}
Result = tuple[frozenset[str], frozenset[str]]
"""Actions, and codes of reasons for having none."""


UNREADABLE = "not-json"
"""Code of explain for every value that is not JSON; a worker tells them apart."""


WORKER_CODES = {"not-json", "not-utf8", "no-value", "too-deep", "too-large"}


def _by_worker(value: bytes | None, destination: Destination) -> Result:
    producer = FakeProducer()
    services = context(producer, destination=destination)
    run(intake.process_records(services, [record(value)]))
    for event in producer.to("t.events"):
        source = record(event.value, key=event.key, headers=event.headers)
        run(activate.process_batch(services, [(partition("t.events"), [source])]))
    topics = [f"t.activations.{lane}" for lane in LaneId]
    activations = [
        decode_activation(message.value)
        for topic in topics
        for message in producer.to(topic)
    ]
    actions = {one.action for one in activations if not one.audience}
    reasons = {item.reason.partition(":")[0] for item in producer.outcomes()}
    if reasons & WORKER_CODES and not _is_json(value):
        reasons = {UNREADABLE}
    return frozenset(actions), frozenset(reasons)


def _is_json(value: bytes | None) -> bool:
    try:
        orjson.loads(value or b"")
    except orjson.JSONDecodeError:
        return False
    return True


def _by_explain(value: bytes, destination: Destination) -> Result:
    try:
        steps = plan_steps(parse_request(value, destination))
    except PoisonRecord as fault:
        return frozenset(), frozenset({fault.code})
    actions = {s.mapping_result.action for s in steps if s.intents and s.mapping_result}
    reasons = _codes(str(step.verdict.reason) for step in steps if not step.intents)
    return frozenset(actions), reasons


def _codes(reasons: Iterable[str]) -> frozenset[str]:
    """Return the codes of reasons; an audience event has none of a mapping."""
    codes = {reason.partition(":")[0] for reason in reasons}
    return frozenset(codes - {"audience"})


CASES = [
    *(pytest.param(case.build(), id=case.id) for case in MALFORMED if case.build()),
    *(pytest.param(case.build(), id=case.id) for case in ODD_BUT_GOOD),
    *(pytest.param(value, id=name) for name, value in EVENTS.items()),
]


@pytest.mark.parametrize("value", CASES)
@pytest.mark.parametrize(
    "destination", [presets(), CONSENTING], ids=["presets", "consent"]
)
def test_explain_says_what_a_worker_does(
    value: bytes, destination: Destination
) -> None:
    """The same actions, or the same reason for none."""
    assert _by_explain(value, destination) == _by_worker(value, destination)
