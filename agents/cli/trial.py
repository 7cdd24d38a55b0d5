"""Lines of the event tester: what each asks, and the answer to it."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Final

import orjson

from streams.actions.intents import Intent, PayloadRefusal
from streams.audiences.audience_events import ENTERED_EVENT, EXITED_EVENT
from streams.delivery.verdict import ItemVerdict, Verdict, dead_letter, discarded
from streams.destination.loader import standalone_rule
from streams.destination.model import Destination, MappingResult
from streams.errors import PoisonRecord
from streams.klaviyo.api.requests import Request

Json = Any

_RULES_MAX: Final = 256
"""Mappings of lines that are kept compiled."""

_LONE: Final = ("action", "mapping", "subscribe")
"""What a line says of its mapping."""

_NO_MAPPING: Final = discarded("no-mapping: no trigger takes it")
_AUDIENCE: Final = discarded("audience: a worker, which knows who is in it, syncs it")
_NOTHING: Final = discarded("nothing-to-do")
_NO_EVENT: Final = dead_letter("no-event: it is no JSON object")


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What a line asks.

    Attributes:
        events: The events, in order.
        destination: What is done with them.
        together: Whether they go to Klaviyo together.
        tested: Whether the line brings an action to test: nothing of it is passed over.
    """

    events: Sequence[Json]
    destination: Destination
    together: bool = True
    tested: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What one mapping makes of one event of a line.

    Attributes:
        index: The event's place in the line.
        activated: What the mapping made; None where no mapping takes the event.
        intents: What is wanted of Klaviyo.
        verdict: How it ends where nothing is.
    """

    index: int
    activated: MappingResult | None = None
    intents: tuple[Intent, ...] = ()
    verdict: ItemVerdict = _NOTHING


def read_trial(line: bytes, destination: Destination) -> Trial:
    """Read a line: an event, or events with an action of their own.

    Args:
        line: JSON.
        destination: What is done with a lone event.

    Raises:
        PoisonRecord: It is neither.
        ConfigError: The mapping it brings is wrong.
    """
    told = read_object(line)
    if "events" not in told or "type" in told:
        return Trial(events=(told,), destination=destination)
    events, mode = told["events"], told.get("mode", "batch")
    if not isinstance(events, list):
        raise PoisonRecord("bad-line", "events: is no list")
    if mode not in ("single", "batch"):
        raise PoisonRecord("bad-line", "mode: is neither single nor batch")
    rule = _rule(_asked(told))
    lone = replace(destination, mappings=(rule,), sync_audiences=False)
    return Trial(events=events, destination=lone, together=mode == "batch", tested=True)


def read_object(line: bytes) -> dict[str, Json]:
    """Read one JSON object.

    Raises:
        PoisonRecord: It is none.
    """
    try:
        told = orjson.loads(line)
    except orjson.JSONDecodeError:
        raise PoisonRecord("not-json", "the line is no JSON") from None
    if not isinstance(told, dict):
        raise PoisonRecord("not-an-object", "the line is no JSON object")
    return told


def _asked(told: dict[str, Json]) -> bytes:
    """Write what a line says of its mapping, to know it again."""
    try:
        return orjson.dumps([told.get(name) for name in _LONE])
    except TypeError:
        raise PoisonRecord("too-deep", "mapping: is nested too deeply") from None


@lru_cache(maxsize=_RULES_MAX)
def _rule(asked: bytes) -> Any:  # noqa: ANN401 - lru_cache hides the type anyway
    action, mapping, subscribe = orjson.loads(asked)
    return standalone_rule(action, mapping=mapping, trigger=subscribe)


def steps_of(trial: Trial) -> list[Step]:
    """Say what becomes of each event of a line, before Klaviyo is asked."""
    return [
        step
        for index, event in enumerate(trial.events)
        for step in _steps(index, event, trial)
    ]


def _steps(index: int, event: Json, trial: Trial) -> Iterator[Step]:
    if not isinstance(event, dict):
        yield Step(index=index, verdict=_NO_EVENT)
        return
    found = trial.destination.map_event(event)
    if not found:
        moves = event.get("event") in (ENTERED_EVENT, EXITED_EVENT)
        synced = moves and trial.destination.sync_audiences
        yield Step(index=index, verdict=_AUDIENCE if synced else _NO_MAPPING)
    for activated in found:
        result = activated.result
        if isinstance(result, PayloadRefusal):
            ended = discarded if result.is_noop and not trial.tested else dead_letter
            refused = ended(f"{result.code}: {result.reason}")
            yield Step(index=index, activated=activated, verdict=refused)
        else:
            yield Step(index=index, activated=activated, intents=result)


_WEIGHT: Final = (Verdict.DEAD_LETTER, Verdict.DELIVERED, Verdict.DISCARDED)
"""Which verdict speaks for several, first."""


def spoken_for(verdicts: Sequence[ItemVerdict]) -> ItemVerdict:
    """Choose the verdict that says most of several intents of one payload."""
    return min(verdicts, key=lambda one: _WEIGHT.index(one.verdict))


def answer(
    steps: Sequence[Step],
    verdicts: Sequence[ItemVerdict],
    requests: Iterable[Request],
) -> dict[str, Json]:
    """Say what was done for a line.

    Args:
        steps: What its events came to.
        verdicts: How each step ended.
        requests: What was sent.
    """
    made = [step.activated for step in steps if step.activated is not None]
    return {
        "matched": list(dict.fromkeys(one.mapping for one in made)),
        "activations": [
            {"action": one.action, "mapping": one.mapping, "payload": one.payload}
            for one in made
        ],
        "requests": [shown(request) for request in requests],
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


def shown(request: Request) -> dict[str, Json]:
    """Show a request as JSON; the query as pairs, not encoded."""
    return {
        "method": request.endpoint.method,
        "path": request.path,
        "query": request.query,
        "body": orjson.Fragment(request.body) if request.body else None,
    }


def written(told: Mapping[str, Json]) -> bytes:
    """Write one answer as a line.

    A payload that JSON cannot hold, since it is nested too deeply, is left empty: its
    outcome says why. Anything else that it cannot hold is an error.
    """
    unwritable = {"error": "not-writable: it holds what JSON cannot"}
    return _line(told) or _line(_emptied(told)) or _line(unwritable)


def _emptied(told: Mapping[str, Json]) -> dict[str, Json]:
    """Leave out the payloads that cannot be written."""
    made = told.get("activations", [])
    kept = [one if _line(one) else {**one, "payload": {}} for one in made]
    return {**told, "activations": kept} if made else dict(told)


def _line(told: Mapping[str, Json]) -> bytes:
    """Write an object and a line break; nothing where it can't be written."""
    try:
        return orjson.dumps(told, option=orjson.OPT_APPEND_NEWLINE)
    except TypeError:
        return b""
