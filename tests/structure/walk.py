"""Walk of one event through the code: `python -m tests.structure.walk`.

Hands the bytes of one Audience Entered event to intake, activate and the lists lane, in
this process, with a sandbox as Klaviyo, and notes each project function that runs
until the lane's last request has left. The services and partitions exist before the
event comes, and the readers bring it from stage to stage: both are left out. Prints the
files in the order in which the event first reaches them, each with its functions.
"""

import asyncio
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import CodeType, FrameType

import orjson

from agents import activate, intake
from streams.klaviyo.api.client import Transport
from streams.settings.model import LaneId
from tests.cases.malformed import GOOD
from tests.streams.klaviyo.fakes import START_S
from tests.streams.klaviyo.profile_builders import new_list
from tests.structure.source import ROOT
from tests.support.lane_sandbox import LaneSandboxHarness, run_scenario
from tests.support.worker_fakes import FakeProducer, context, partition, record

Files = dict[str, list[str]]
"""File → functions, in the order in which the event first reaches them."""


class Tracer:
    """Notes the project's functions that run while it is on; sandbox code is left out.

    Attributes:
        files: Functions of each file, in order of their first call.
    """

    def __init__(self) -> None:
        self.files: Files = {}
        self._is_on = False
        self._seen: set[CodeType] = set()
        self._prefixes = (f"{ROOT}/streams/", f"{ROOT}/agents/")

    @contextmanager
    def on(self) -> Iterator[None]:
        """Note the functions that run in a block."""
        self._is_on = True
        try:
            yield
        finally:
            self._is_on = False

    def __call__(self, frame: FrameType, event: str, _argument: object) -> None:
        """Note one call; the signature is that of `sys.setprofile`."""
        code = frame.f_code
        if not self._is_on or event != "call" or code in self._seen:
            return
        self._seen.add(code)
        path = code.co_filename
        if path.startswith(self._prefixes) and "/sandbox/" not in path:
            if code.co_name.startswith("<"):  # a comprehension is part of its function
                return
            functions = self.files.setdefault(path.removeprefix(f"{ROOT}/"), [])
            functions.append(code.co_qualname)

    def request_left(self) -> Files:
        """Return what ran before the latest request left."""
        return {name: list(functions) for name, functions in self.files.items()}


def walk() -> Files:
    """Return the files and functions that the event passes through."""
    tracer = Tracer()
    snapshots: list[Files] = []
    exchange = Transport.exchange

    async def noting(self: Transport, request: object) -> object:
        snapshots.append(tracer.request_left())
        return await exchange(self, request)  # type: ignore[arg-type] # as it came

    async def scenario(harness: LaneSandboxHarness) -> None:
        list_id = await new_list(harness.client)
        producer = FakeProducer()
        services, part = context(producer), partition("t.events")
        with tracer.on():
            await intake.process_records(services, [record(_event(list_id))])
        [event] = producer.to("t.events")
        source = record(event.value, key=event.key, headers=event.headers)
        with tracer.on():
            await activate.process_batch(services, [(part, [source])])
        [message] = producer.to("t.activations.lists")
        activation = record(
            message.value,
            key=message.key,
            headers=message.headers,
            timestamp=int(START_S * 1000),
        )
        harness.part.track([activation.offset])
        async with harness.service:
            await asyncio.sleep(1.0)  # its tasks have begun; the clock skips
            with tracer.on():
                await harness.service.enqueue([(harness.part, [activation])])
                await harness.wait_for_outcomes(1)

    sys.setprofile(tracer)
    threading.setprofile(tracer)
    Transport.exchange = noting  # type: ignore[assignment,method-assign] # to see it
    try:
        run_scenario(LaneId.LISTS, scenario)
    finally:
        sys.setprofile(None)
        threading.setprofile(None)
        Transport.exchange = exchange  # type: ignore[method-assign] # as it was
    return snapshots[-1]


def _event(list_id: str) -> bytes:
    personas = {
        "computation_class": "audience",
        "computation_key": "vip",
        "audience_settings": {"listId": list_id},
    }
    traits = {"email": "ada@example.com"}
    return orjson.dumps(GOOD | {"context": {"traits": traits, "personas": personas}})


def main() -> None:
    """Print the files and functions of the walk."""
    files = walk()
    for name, functions in files.items():
        print(f"{name}: {', '.join(functions)}")  # noqa: T201 - a report
    count = sum(map(len, files.values()))
    print(f"{len(files)} files, {count} functions")  # noqa: T201 - a report


if __name__ == "__main__":
    main()
