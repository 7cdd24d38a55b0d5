"""Event tester: parse a line of `explain` or `send`, and build the answer."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Final

import orjson

from agents.shared.context import clock_ms
from streams.actions.intents import Intent, PayloadRefusal
from streams.audiences.audience_events import (
    AUDIENCE_EVENTS,
    MAYBE_AUDIENCE_EVENTS,
)
from streams.delivery.verdict import (
    ItemVerdict,
    Reason,
    Verdict,
    dead_letter,
    discarded,
)
from streams.destination.decide import (
    LIST_ACTIONS,
    NO_MAPPING,
    REASONS_WITHOUT_MAPPING,
    decide,
)
from streams.destination.loader import standalone_rule
from streams.destination.model import Destination, MappingResult
from streams.destination.opt_out import OptOut, opt_out_of
from streams.errors import PoisonRecord
from streams.events.canonical_event import CanonicalEvent, Origin
from streams.events.formats.segment import decode
from streams.events.formats.source_record import SkippedRecord
from streams.events.row import is_row
from streams.klaviyo.api.requests import Request
from streams.state.user_state import EMPTY_STATE

JsonValue = Any

_CACHED_RULES: Final = 256
"""Number of compiled mappings that are kept between lines."""

_RULE_FIELDS: Final = ("action", "mapping", "subscribe")
"""Fields of a line that define its mapping."""

_ORIGIN: Final = Origin(topic="explain", partition=0, offset=0)

_AUDIENCE: Final = discarded("audience: a worker syncs it from its memberships table")
_NOTHING: Final = discarded("nothing-to-do")
_NO_EVENT: Final = dead_letter("no-event: the event is not a JSON object")


@dataclass(frozen=True, slots=True, kw_only=True)
class TestRequest:
    """Events of a line, and the destination that maps the events.

    Attributes:
        events: The events, in order.
        destination: The mappings to apply.
        is_batch: True if the events are sent to Klaviyo together.
        reports_noops: True if the line brings an action to test: an event with nothing
            to do is then a dead letter, so that the tester sees why.
        event: The event of a line that is one, as a worker reads it.
        fault: Reason why a worker could not read the event; None if it could.
        skipped: Reason why a record of a source makes no event; None if it makes some.
    """

    __test__ = False  # pytest would collect the class by its name

    events: Sequence[JsonValue]
    destination: Destination
    is_batch: bool = True
    reports_noops: bool = False
    event: CanonicalEvent | None = None
    fault: PoisonRecord | None = None
    skipped: SkippedRecord | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TestStep:
    """Result of a mapping for an event of a line.

    Attributes:
        index: Position of the event in the line.
        mapping_result: Output of the mapping; None if no mapping takes the event.
        intents: What Klaviyo is asked to do.
        verdict: The verdict if there are no intents.
    """

    __test__ = False  # pytest would collect the class by its name

    index: int
    mapping_result: MappingResult | None = None
    intents: tuple[Intent, ...] = ()
    verdict: ItemVerdict = _NOTHING


def parse_request(line: bytes, destination: Destination) -> TestRequest:
    """Parse a line: an event, or events together with an action.

    Args:
        line: JSON.
        destination: The mappings for a line that is an event.

    Raises:
        PoisonRecord: The line is neither.
        ConfigError: The mapping in the line is wrong.
    """
    try:
        fields = parse_object(line)
    except PoisonRecord as fault:
        fields = _decode_odd(line, fault).body
    if "events" not in fields or "type" in fields:
        return _read_event(line, fields, destination)
    events, mode = fields["events"], fields.get("mode", "batch")
    if not isinstance(events, list):
        raise PoisonRecord("bad-line", "events: must be a list")
    if mode not in ("single", "batch"):
        raise PoisonRecord("bad-line", "mode: must be single or batch")
    rule = _compile_rule(_encode_rule(fields))
    return TestRequest(
        events=events,
        destination=replace(destination, mappings=(rule,), sync_audiences=False),
        is_batch=mode == "batch",
        reports_noops=True,
    )


def _read_event(
    line: bytes, fields: dict[str, JsonValue], destination: Destination
) -> TestRequest:
    """Read an event as a worker does; a fault becomes the answer."""
    try:
        event = _decode(line)
        return TestRequest(events=(event.body,), destination=destination, event=event)
    except PoisonRecord as fault:
        return TestRequest(events=(fields,), destination=destination, fault=fault)


def _decode_odd(line: bytes, fault: PoisonRecord) -> CanonicalEvent:
    """Decode a line that is not plain JSON, with the repairs that a worker makes.

    Raises:
        PoisonRecord: The given fault, where a worker cannot either.
    """
    try:
        return _decode(line)
    except PoisonRecord:
        raise fault from None


def _decode(line: bytes) -> CanonicalEvent:
    now_ms = clock_ms()
    return decode(line, origin=_ORIGIN, record_time_ms=now_ms, now_ms=now_ms)


def parse_object(line: bytes) -> dict[str, JsonValue]:
    """Parse a JSON object.

    Raises:
        PoisonRecord: The line is not a JSON object.
    """
    try:
        fields = orjson.loads(line)
    except orjson.JSONDecodeError:
        raise PoisonRecord("not-json", "the line is not valid JSON") from None
    if not isinstance(fields, dict):
        raise PoisonRecord("not-an-object", "the line is not a JSON object")
    return fields


def _encode_rule(fields: dict[str, JsonValue]) -> bytes:
    """Encode the mapping of a line, as the key of the cache."""
    try:
        return orjson.dumps([fields.get(name) for name in _RULE_FIELDS])
    except TypeError:
        raise PoisonRecord("too-deep", "mapping: is nested too deeply") from None


@lru_cache(maxsize=_CACHED_RULES)
def _compile_rule(encoded: bytes) -> Any:  # noqa: ANN401 - lru_cache hides the type anyway
    action, mapping, subscribe = orjson.loads(encoded)
    return standalone_rule(action, mapping=mapping, trigger=subscribe)


def plan_steps(*requests: TestRequest) -> list[TestStep]:
    """Map each event of a line, without any request to Klaviyo.

    Args:
        requests: One for most lines; one for each event of a record of a source.
    """
    events = ((event, request) for request in requests for event in request.events)
    return [
        step
        for index, (event, request) in enumerate(events)
        for step in _steps(index, event, request)
    ]


def _steps(index: int, event: JsonValue, request: TestRequest) -> Iterator[TestStep]:
    if not isinstance(event, dict):
        yield TestStep(index=index, verdict=_NO_EVENT)
        return
    if fault := request.fault:
        verdict = dead_letter(f"{fault.code}: {fault.reason}")
        yield TestStep(index=index, verdict=verdict)
        return
    if skipped := request.skipped:
        verdict = discarded(str(Reason(skipped.code, skipped.reason)))
        yield TestStep(index=index, verdict=verdict)
        return
    if (opt_out := _opt_out_of(event, request)) is not None:
        yield TestStep(index=index, verdict=discarded(opt_out))
        return
    results = request.destination.map_event(event)
    further_steps = []
    if not (is_row(event) and any(each.action in LIST_ACTIONS for each in results)):
        further_steps = list(_further_steps(index, request))
    yield from further_steps
    if not results and not further_steps:
        yield TestStep(index=index, verdict=_without_mapping(event))
    for result in results:
        yield _step(index, result, reports_noops=request.reports_noops)


def _further_steps(index: int, request: TestRequest) -> Iterator[TestStep]:
    """Yield a worker's steps beside the mappings: audiences, and links of users."""
    event, destination = request.event, request.destination
    if event is None:
        return
    name = event.body.get("event")
    if event.kind == "track" and name not in (*AUDIENCE_EVENTS, *MAYBE_AUDIENCE_EVENTS):
        return
    decision = decide(event, EMPTY_STATE, destination=replace(destination, mappings=()))
    for refusal in decision.refusals:
        verdict = dead_letter(f"{refusal.code}: {refusal.reason}")
        yield TestStep(index=index, verdict=verdict)
    intents = [one.intent for one in decision.activations if not one.audience]
    for intent in intents:
        yield TestStep(index=index, intents=(intent,))
    is_audience = name in AUDIENCE_EVENTS and destination.sync_audiences
    if (is_audience and not decision.refusals) or len(intents) < len(
        decision.activations
    ):
        yield TestStep(index=index, verdict=_AUDIENCE)


def _without_mapping(event: dict[str, JsonValue]) -> ItemVerdict:
    """Return the verdict on an event that no mapping is for."""
    reason = REASONS_WITHOUT_MAPPING.get(str(event.get("type")), NO_MAPPING)
    return discarded(f"{reason}: no trigger matches the event")


def _opt_out_of(event: dict[str, JsonValue], request: TestRequest) -> OptOut | None:
    """Return the opt-out of an event; a line that brings an action tests the action."""
    if request.reports_noops or event.get("type") == "delete":
        return None
    return opt_out_of(event, request.destination.opt_out_rules)


def _step(index: int, result: MappingResult, *, reports_noops: bool) -> TestStep:
    refusal = result.result
    if not isinstance(refusal, PayloadRefusal):
        return TestStep(index=index, mapping_result=result, intents=refusal)
    refuse = discarded if refusal.is_noop and not reports_noops else dead_letter
    verdict = refuse(f"{refusal.code}: {refusal.reason}")
    return TestStep(index=index, mapping_result=result, verdict=verdict)


def describe_hold(*requests: TestRequest) -> str:
    """Describe a worker's hold on an event of an unknown person; else empty."""
    for request in requests:
        if _is_held(request):
            hold_min = request.destination.identity_rules.hold_for_s / 60
            return f"for {hold_min:.3g} min by a worker, unless it knows the person"
    return ""


def _is_held(request: TestRequest) -> bool:
    event, destination = request.event, request.destination
    if event is None:
        return False
    return decide(event, EMPTY_STATE, destination=destination).is_held


_SEVERITY: Final = (Verdict.DEAD_LETTER, Verdict.DELIVERED, Verdict.DISCARDED)
"""Verdicts in descending order of severity."""


def most_severe(verdicts: Sequence[ItemVerdict]) -> ItemVerdict:
    """Return the most severe verdict among the intents of a payload."""
    return min(verdicts, key=lambda item: _SEVERITY.index(item.verdict))


def build_answer(
    steps: Sequence[TestStep],
    verdicts: Sequence[ItemVerdict],
    requests: Iterable[Request],
) -> dict[str, JsonValue]:
    """Build the answer to a line.

    Args:
        steps: The mapped events.
        verdicts: The verdict for each step.
        requests: The requests that were sent.
    """
    results = [step.mapping_result for step in steps if step.mapping_result is not None]
    return {
        "matched": list(dict.fromkeys(result.mapping for result in results)),
        "activations": [
            {
                "action": result.action,
                "mapping": result.mapping,
                "payload": result.payload,
            }
            for result in results
        ],
        "requests": [describe_request(request) for request in requests],
        "outcomes": [
            {
                "index": step.index,
                "verdict": verdict.verdict,
                "status": verdict.status,
                "reason": verdict.reason,
            }
            for step, verdict in zip(steps, verdicts, strict=True)
        ],
    }


def describe_request(request: Request) -> dict[str, JsonValue]:
    """Describe a request as JSON; the query is a list of pairs, not encoded."""
    return {
        "method": request.endpoint.method,
        "path": request.path,
        "query": request.query,
        "body": orjson.Fragment(request.body) if request.body else None,
    }


def encode_answer(answer: Mapping[str, JsonValue]) -> bytes:
    """Encode an answer as a line of JSON.

    A payload that is nested too deeply for JSON is left empty, since its outcome says
    why. If anything else cannot be encoded, the line is an error.
    """
    error = {"error": "not-writable: the answer cannot be written as JSON"}
    return _encode(answer) or _encode(_without_deep_payloads(answer)) or _encode(error)


def _without_deep_payloads(answer: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    """Return the answer with each payload emptied that cannot be encoded."""
    activations = answer.get("activations", [])
    encodable = [
        activation if _encode(activation) else {**activation, "payload": {}}
        for activation in activations
    ]
    return {**answer, "activations": encodable} if activations else dict(answer)


def _encode(answer: Mapping[str, JsonValue]) -> bytes:
    """Return the answer as a line; empty if JSON cannot hold the answer."""
    try:
        return orjson.dumps(answer, option=orjson.OPT_APPEND_NEWLINE)
    except TypeError:
        return b""
