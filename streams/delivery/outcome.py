"""What is recorded of every source record: one outcome at least."""

from collections.abc import Iterable

import msgspec

from streams.delivery.verdict import ItemVerdict, Verdict
from streams.events.origin import Origin


class OutcomeItem(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One source record's end at one stage.

    Attributes:
        origin: The source record.
        verdict: Where it ended.
        reason: Code, then optionally `: ` and words.
        status: HTTP status that decided it; 0 when none did.
        attempts: Requests that carried it.
    """

    origin: Origin
    verdict: Verdict
    reason: str = ""
    status: int = 0
    attempts: int = 1


class Outcome(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One record of the outcomes topic: what became of a batch.

    Attributes:
        stage: `intake`, `activate` or `deliver.<lane>`.
        items: Every source record in it.
        action: What was to be done, at deliver.
    """

    stage: str
    items: tuple[OutcomeItem, ...]
    action: str = ""


ITEMS_MAX = 2_000
"""Items in one record: at some 100 bytes each it stays far below 1 MB."""

_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Outcome)


def item(origin: Origin, verdict: ItemVerdict) -> OutcomeItem:
    """One item's line."""
    return OutcomeItem(
        origin=origin,
        verdict=verdict.verdict,
        reason=verdict.reason,
        status=verdict.status,
        attempts=verdict.attempts,
    )


def encode(
    stage: str, items: Iterable[OutcomeItem], *, action: str = ""
) -> list[bytes]:
    """Values for the outcomes topic; none when there is nothing to say."""
    rest = tuple(items)
    chunks = [rest[at : at + ITEMS_MAX] for at in range(0, len(rest), ITEMS_MAX)]
    return [
        _encoder.encode(Outcome(stage=stage, items=chunk, action=action))
        for chunk in chunks
    ]


def decode(value: bytes) -> Outcome:
    """Read what `encode` wrote.

    Raises:
        msgspec.MsgspecError: It is something else.
    """
    return _decoder.decode(value)
