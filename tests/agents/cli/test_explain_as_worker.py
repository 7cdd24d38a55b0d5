"""Tests that `explain` and a worker agree on what becomes of an event."""

from collections.abc import Iterable
from typing import Any

import msgspec
import orjson
import pytest

from agents import activate, intake
from agents.cli.support.event_tester import parse_request, plan_steps
from streams.actions.activation import Activation, decode_activation
from streams.destination.loader import compile_destination
from streams.destination.model import Destination
from streams.errors import PoisonRecord
from streams.settings.model import LaneId
from tests.cases.faults import FAULTY_EVENTS, FaultyEvent
from tests.cases.malformed import MALFORMED, ODD_BUT_GOOD
from tests.support.worker_fakes import (
    FakeProducer,
    context,
    partition,
    presets,
    record,
    run,
)

LINKING = compile_destination(
    {"settings": {"identity": {"alias": "link"}, "group": "list"}}
)
CONSENTING = compile_destination({"settings": {"consent_categories": ["marketing"]}})

EVENTS = {
    "page": b'{"type":"page","userId":"u1"}',
    "alias": b'{"type":"alias","userId":"u1","previousId":"u0"}',
    "alias-of-itself": b'{"type":"alias","userId":"u1","previousId":"u1"}',
    "alias-of-a-list": b'{"type":"alias","userId":"u1","previousId":[]}',
    "group": b'{"type":"group","userId":"u1","groupId":"g"}',
    "group-list": b'{"type":"group","userId":"u1","groupId":"g","traits":'
    b'{"subscribe":true},"context":{"traits":{"email":"a@b.co"}}}',
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


def _activations(
    value: bytes | None, destination: Destination
) -> tuple[list[Activation], set[str]]:
    """Return what a worker writes to the lanes, and the codes of its outcomes."""
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
    return activations, {i.reason.partition(":")[0] for i in producer.outcomes()}


def _by_worker(value: bytes | None, destination: Destination) -> Result:
    activations, reasons = _activations(value, destination)
    actions = {one.action for one in activations if not one.audience}
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
    results = [step.mapping_result for step in steps if step.intents]
    actions = {result.action if result else "alias" for result in results}
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
    "destination",
    [presets(), CONSENTING, LINKING],
    ids=["presets", "consent", "linking"],
)
def test_explain_says_what_a_worker_does(
    value: bytes, destination: Destination
) -> None:
    """The same actions, or the same reason for none."""
    assert _by_explain(value, destination) == _by_worker(value, destination)


KINDS = {case.kind for case in FAULTY_EVENTS}


def test_each_kind_of_fault_has_five_cases() -> None:
    """One case alone shows an instance, not its kind."""
    counts = {kind: sum(c.kind == kind for c in FAULTY_EVENTS) for kind in KINDS}
    assert min(counts.values()) >= 5, counts


@pytest.mark.parametrize(
    "case",
    [pytest.param(case, id=f"{case.kind}-{case.id}") for case in FAULTY_EVENTS],
)
def test_a_fault_has_the_same_effect_in_explain_and_in_a_worker(
    case: FaultyEvent,
) -> None:
    """The intent holds the expected members, or the reason is the expected one."""
    activations, reasons = _activations(case.value, presets())
    planned = _planned(case.value)

    if case.intent is None:
        assert (activations, reasons) == ([], {case.code})
        assert planned == {case.code}
    else:
        [intent] = [msgspec.to_builtins(one.intent) for one in activations]
        [explained] = planned
        assert _has_members(intent, case.intent), intent
        assert _has_members(explained, case.intent), explained


def _planned(value: bytes) -> list[Any] | set[str]:
    """Return the intents that explain plans, or the codes of its reasons."""
    try:
        steps = plan_steps(parse_request(value, presets()))
    except PoisonRecord as fault:
        return {fault.code}
    intents = [msgspec.to_builtins(i) for step in steps for i in step.intents]
    return intents or set(_codes(str(step.verdict.reason) for step in steps))


def _has_members(actual: Any, expected: Any) -> bool:  # noqa: ANN401 - any JSON
    if not (isinstance(actual, dict) and isinstance(expected, dict)):
        return bool(actual == expected)
    return all(
        name in actual and _has_members(actual[name], value)
        for name, value in expected.items()
    )
