"""What `klaviyo-streams deadletters` says of dead letters."""

import base64
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Final

import msgspec
import orjson

from agents.admin.dead_letters import RequeueResult
from streams.dead_letters.record import DeadLetterRecord, RequeueRoute
from streams.dead_letters.resolutions import Resolution
from streams.dead_letters.selection import DeadLetterGroup

SAMPLE = 5
"""Places named of many."""

_WAYS: Final = {
    RequeueRoute.EVENT: "taken in again",
    RequeueRoute.ACTIVATION: "judged again, for their lane",
    RequeueRoute.SOURCE: "taken in again from the source topic",
}

_WHY_STUCK: Final = {
    "origin-unknown": "no dead letter of this project; discard it",
    "no-source": "it came from a topic of this project; requeue it as it is",
    "source-expired": "Kafka has deleted the source record; have it published again",
    "source-missing": "the source record is not there, or is another one now",
    "dead-letter-expired": "Kafka has deleted the dead letter meanwhile",
    "dead-letter-missing": "the dead letter is not there any more",
    "too-large": "larger than max_event_bytes; raise that, and the topics' limits",
}


def group_of(group: DeadLetterGroup) -> dict[str, object]:
    """Say of a group what a program reads."""
    return {
        "stage": group.stage,
        "reason": group.code,
        "count": group.record_count,
        "first": _moment(group.first_ms),
        "last": _moment(group.last_ms),
        "example": str(group.last_offset),
    }


def table(groups: Sequence[DeadLetterGroup]) -> Iterator[str]:
    """Say the same to a person."""
    if not groups:
        yield "no dead letters"
        return
    rows = [["count", "stage", "reason", "first", "last", "example"]]
    for group in groups:
        told = {name: str(value) for name, value in group_of(group).items()}
        rows.append([told[name] or "-" for name in rows[0]])
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = zip(row, widths, strict=True)
        yield "  ".join(cell.ljust(width) for cell, width in cells).rstrip()


def shown(one: DeadLetterRecord, row: Resolution | None) -> bytes:
    """Say all of a dead letter, as one line of JSON."""
    told: dict[str, object] = {
        "place": str(one.topic_offset),
        "at": _moment(one.timestamp_ms),
        "reason": one.code,
        "headers": {name: _text(value) for name, value in one.headers},
        "key": _text(one.key),
        "value": _json(one.value),
    }
    if row is not None:
        told |= {"handled": msgspec.to_builtins(row)}
    try:
        return orjson.dumps(told)
    except TypeError:  # nested too deep: it reads 1,024 levels, and writes 254
        return orjson.dumps(told | {"value": _text(one.value)})


def requeued(done: RequeueResult, *, before: int, is_real: bool) -> Iterator[str]:
    """Say what came of a requeue.

    Args:
        done: What came of it.
        before: How many were left out since they were handled before.
        is_real: Whether anything was written.
    """
    verb = "requeued" if is_real else "would requeue"
    letters = [letter for one in done.requeued for letter in one.dead_letters]
    yield f"{verb} {len(letters)} dead letters as {len(done.requeued)} records"
    yield from _by_reason(letters)
    for way, words in _WAYS.items():
        of_way = [one for one in done.requeued if one.route is way]
        if of_way:
            yield f"records: {len(of_way)} {words}"
    stuck: dict[str, list[DeadLetterRecord]] = defaultdict(list)
    for letter, why in done.not_requeueable:
        stuck[why].append(letter)
    for why, ones in sorted(stuck.items()):
        yield f"cannot requeue {len(ones)}, {why}: {_sample(ones)}"
        yield f"  {_WHY_STUCK[why]}"
    yield from _left_out(before)
    if not is_real:
        yield _DRY


def discarded(
    letters: Collection[DeadLetterRecord], *, before: int, is_real: bool
) -> Iterator[str]:
    """Say what was put away, or would be."""
    verb = "discarded" if is_real else "would discard"
    yield f"{verb} {len(letters)} dead letters"
    yield from _by_reason(letters)
    yield from _left_out(before)
    if not is_real:
        yield _DRY


_DRY = "nothing was written; --apply does it"


def _left_out(before: int) -> Iterator[str]:
    if before:
        yield f"left out {before} handled before; --handled takes them too"


def _by_reason(letters: Iterable[DeadLetterRecord]) -> Iterator[str]:
    groups: dict[tuple[str, str], list[DeadLetterRecord]] = defaultdict(list)
    for one in letters:
        groups[one.stage or "-", one.code].append(one)
    for (stage, code), ones in sorted(groups.items()):
        yield f"  {len(ones)} {stage} {code}: {_sample(ones)}"


def _sample(letters: Iterable[DeadLetterRecord]) -> str:
    places = [str(one.topic_offset) for one in letters]
    more = ["..."] if len(places) > SAMPLE else []
    return " ".join([*places[:SAMPLE], *more])


def _moment(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="seconds")


def _json(value: bytes | None) -> object:
    try:
        return None if value is None else orjson.loads(value)
    except orjson.JSONDecodeError:
        return _text(value)


def _text(value: bytes | None) -> object:
    try:
        return None if value is None else value.decode()
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(value or b"").decode()}
