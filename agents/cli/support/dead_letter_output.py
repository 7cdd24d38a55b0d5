"""Output of `klaviyo-streams deadletters`, for people and for programs."""

import base64
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Final

import msgspec
import orjson
from rich.table import Table

from agents.admin.dead_letters import RequeueResult
from streams.dead_letters.record import DeadLetterRecord, RequeueRoute
from streams.dead_letters.resolutions import Resolution
from streams.dead_letters.selection import DeadLetterGroup

SAMPLE_SIZE = 5
"""Number of offsets printed for each group."""

_ROUTES: Final = {
    RequeueRoute.EVENT: "sent to intake",
    RequeueRoute.ACTIVATION: "sent to activate, for their lane",
    RequeueRoute.SOURCE: "read again from the source topic",
}

_PROBLEMS: Final = {
    "origin-unknown": "not written by this project; discard it",
    "no-source": "its source is a topic of this project; requeue without --from-source",
    "row-of-sync": "mend the row in the database; the next run reads it again",
    "source-expired": "Kafka has deleted the source record; publish it again",
    "source-missing": "the source record does not exist, or is a different one now",
    "dead-letter-expired": "Kafka has deleted the dead letter in the meantime",
    "dead-letter-missing": "the dead letter no longer exists",
    "too-large": "larger than max_event_bytes; raise that, and the topics' limits",
}

_DRY_RUN = "nothing was written; add --apply to write"


def group_to_json(group: DeadLetterGroup) -> dict[str, object]:
    """Return the JSON object for a group of dead letters."""
    return {
        "stage": group.stage,
        "reason": group.code,
        "count": group.record_count,
        "first": _iso_time(group.first_ms),
        "last": _iso_time(group.last_ms),
        "example": str(group.last_offset),
    }


def group_table(groups: Sequence[DeadLetterGroup]) -> Table:
    """Return the table of groups."""
    columns = ("count", "stage", "reason", "first", "last", "example")
    table = Table(*columns, box=None, pad_edge=False)
    for group in groups:
        fields = {name: str(value) for name, value in group_to_json(group).items()}
        table.add_row(*(fields[name] or "-" for name in columns))
    return table


def encode_record(record: DeadLetterRecord, resolution: Resolution | None) -> bytes:
    """Encode a dead letter with headers, key and value as a line of JSON."""
    fields: dict[str, object] = {
        "place": str(record.topic_offset),
        "at": _iso_time(record.timestamp_ms),
        "reason": record.code,
        "headers": {name: _text(value) for name, value in record.headers},
        "key": _text(record.key),
        "value": _json(record.value),
    }
    if resolution is not None:
        fields |= {"handled": msgspec.to_builtins(resolution)}
    try:
        return orjson.dumps(fields)
    except TypeError:  # nested too deep: orjson reads 1,024 levels, and writes 254
        return orjson.dumps(fields | {"value": _text(record.value)})


def requeue_lines(result: RequeueResult, *, skipped: int, apply: bool) -> Iterator[str]:
    """Describe the result of a requeue.

    Args:
        result: The records requeued, and those that cannot be.
        skipped: Number of resolved dead letters that were left out.
        apply: True if the records were written.
    """
    verb = "requeued" if apply else "would requeue"
    records = [record for group in result.requeued for record in group.dead_letters]
    yield f"{verb} {len(records)} dead letters as {len(result.requeued)} records"
    yield from _lines_by_reason(records)
    for route, description in _ROUTES.items():
        count = sum(requeued.route is route for requeued in result.requeued)
        if count:
            yield f"records: {count} {description}"
    yield from _problem_lines(result)
    yield from _closing_lines(skipped, apply=apply)


def _problem_lines(result: RequeueResult) -> Iterator[str]:
    problems: dict[str, list[DeadLetterRecord]] = defaultdict(list)
    for record, problem in result.not_requeueable:
        problems[problem].append(record)
    for problem, records in sorted(problems.items()):
        yield f"cannot requeue {len(records)}, {problem}: {_sample(records)}"
        yield f"  {_PROBLEMS[problem]}"


def discard_lines(
    records: Collection[DeadLetterRecord], *, skipped: int, apply: bool
) -> Iterator[str]:
    """Describe the discarded dead letters."""
    verb = "discarded" if apply else "would discard"
    yield f"{verb} {len(records)} dead letters"
    yield from _lines_by_reason(records)
    yield from _closing_lines(skipped, apply=apply)


def _closing_lines(skipped: int, *, apply: bool) -> Iterator[str]:
    if skipped:
        yield f"left out {skipped} resolved; --include-resolved selects them too"
    if not apply:
        yield _DRY_RUN


def _lines_by_reason(records: Iterable[DeadLetterRecord]) -> Iterator[str]:
    groups: dict[tuple[str, str], list[DeadLetterRecord]] = defaultdict(list)
    for record in records:
        groups[record.stage or "-", record.code].append(record)
    for (stage, code), members in sorted(groups.items()):
        yield f"  {len(members)} {stage} {code}: {_sample(members)}"


def _sample(records: Iterable[DeadLetterRecord]) -> str:
    offsets = [str(record.topic_offset) for record in records]
    more = ["..."] if len(offsets) > SAMPLE_SIZE else []
    return " ".join([*offsets[:SAMPLE_SIZE], *more])


def _iso_time(time_ms: int) -> str:
    return datetime.fromtimestamp(time_ms / 1000, UTC).isoformat(timespec="seconds")


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
