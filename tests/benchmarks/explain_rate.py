"""Rate of `explain`: compiled mappings alone, and whole lines."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass

import orjson

from agents.cli.explain import fake_client_for
from agents.cli.support.event_tester import encode_answer
from agents.cli.support.tester_options import create_tester
from streams.destination.loader import compile_destination


@dataclass(frozen=True, slots=True, kw_only=True)
class Explained:
    """CPU time for a number of lines, each a track event; presets only.

    Attributes:
        mapped_s: Of trigger, mapping and action: `Destination.activations`.
        answered_s: Of all that is done for a line, JSON in to JSON out, pipes apart.
    """

    mapped_s: float
    answered_s: float


def explained(lines: Sequence[bytes]) -> Explained:
    """Measure both, one after the other."""
    return Explained(mapped_s=_mapped_s(lines), answered_s=_answered_s(lines))


def _mapped_s(lines: Sequence[bytes]) -> float:
    destination = compile_destination(None)
    events = [orjson.loads(line) for line in lines]
    began_s = time.process_time()
    for event in events:
        destination.map_event(event)
    return time.process_time() - began_s


def _answered_s(lines: Sequence[bytes]) -> float:
    answering = create_tester(compile_destination(None), client_factory=fake_client_for)

    async def answer_all() -> float:
        began_s = time.process_time()
        for line in lines:
            encode_answer(await answering(line))
        return time.process_time() - began_s

    return asyncio.run(answer_all())
