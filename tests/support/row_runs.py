"""Runs of rows from the source topic to the sandbox, in one process."""

import asyncio
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import orjson

from streams.delivery.outcome import OutcomeItem
from streams.delivery.verdict import Verdict
from streams.destination.loader import compile_destination
from streams.events.row import RowChange, row_event
from streams.sandbox.account.account import Account
from streams.sandbox.account.consent import EMAIL_MARKETING
from streams.sandbox.account.events import StoredEvent
from streams.settings.model import LaneId
from tests.streams.klaviyo.fakes import START_S
from tests.streams.klaviyo.profile_builders import new_list
from tests.support.in_process import (
    InProcessClient,
    InProcessPipeline,
    skipping_sandbox,
)
from tests.support.worker_fakes import run

LIST = "LIST"
"""Text in a destination file that stands for the id of the sandbox's list."""

EMAIL = "ada@example.com"
JOBS_S = 3600.0
"""Longer than any job of the sandbox takes."""

Event = dict[str, Any]
Mapping = dict[str, Any]

FIRST: list[Mapping] = [
    {
        "action": action,
        "trigger": f'event = "First {action}"',
        "fields": {"list_id": LIST} if action == "addProfileToList" else {},
    }
    for action in ("addProfileToList", "subscribeProfile", "suppressProfile")
]
"""Mappings that bring a person to where a test begins."""


class RowEnding(NamedTuple):
    """All that is left when the rows are settled.

    Attributes:
        account: The sandbox's account.
        list_id: Id of its list.
        outcomes: Outcomes, in order.
    """

    account: Account
    list_id: str
    outcomes: list[OutcomeItem]

    @property
    def dead_letters(self) -> list[str]:
        """Codes of the dead letters, in order."""
        return [
            outcome.reason.partition(":")[0]
            for outcome in self.outcomes
            if outcome.verdict is Verdict.DEAD_LETTER
        ]

    @property
    def discarded(self) -> list[str]:
        """Reasons of the discarded events, in order."""
        return [
            outcome.reason
            for outcome in self.outcomes
            if outcome.verdict is Verdict.DISCARDED
        ]

    @property
    def members(self) -> set[str | None]:
        """Addresses, or else external ids, of the members of the list."""
        by_id = self.account.profiles.by_id
        members = [by_id[i] for i in self.account.lists.by_id[self.list_id].members]
        return {member.email or member.external_id for member in members}

    @property
    def metrics(self) -> list[str]:
        """Names of the metrics of the recorded events, in order."""
        events = self.account.events
        return [events.metrics[event.metric_id].name for event in self.events]

    @property
    def events(self) -> list[StoredEvent]:
        """Recorded events, in order."""
        return sorted(self.account.events.by_key.values(), key=lambda event: event.seq)

    def facts(self, email: str = EMAIL) -> set[str]:
        """Return what the account holds of a person."""
        owners = self.account.profiles.find_owners({"email": email})
        if not owners:
            return set()
        profile = owners[0]
        facts = {"profile"} | {f"metric {name}" for name in self.metrics}
        facts |= {f"{name} {value}" for name, value in profile.properties.items()}
        if self.list_id in profile.lists:
            facts.add("on list")
        state = self.account.consents.by_profile.get(profile.id)
        if state is not None:
            status = state.status(EMAIL_MARKETING)
            facts |= {status} if status != "NEVER_SUBSCRIBED" else set()
            facts |= (
                {"suppressed"} if "USER_SUPPRESSED" in state.suppressions else set()
            )
        return facts


def row(change: RowChange, *, key: str = "7", **parts: Any) -> Event:  # noqa: ANN401 - parts of a row
    """Return a row of the model `people`, an hour before the sandbox's clock."""
    defaults = {
        "source": "shop",
        "model": "people",
        "columns": {},
        "time_ms": int(START_S * 1000) - 3_600_000,
        "message_id": f"{key}-{change}",
        "email": EMAIL,
    }
    return row_event(change, key=key, **{**defaults, **parts})


def first(action: str, email: str = EMAIL) -> Event:
    """Return an event that brings a person to where a test begins."""
    context = {"traits": {"email": email}}
    return {
        "type": "track",
        "event": f"First {action}",
        "userId": "",
        "context": context,
        "timestamp": int(START_S * 1000) - 7_200_000,
    }


def run_rows(
    events: Sequence[Event],
    mappings: Sequence[Mapping] | None,
    *,
    before: Iterable[Event] = (),
    audiences: Sequence[str] = (),
) -> RowEnding:
    """Run events through intake, activate and the lanes.

    Args:
        events: Bodies of the events.
        mappings: Mappings of the destination file; None for the presets.
        before: Events that are settled before.
        audiences: Audiences of the list.
    """
    file: dict[str, Any] = {"audiences": dict.fromkeys(audiences, LIST)}
    if mappings is not None:
        file["mappings"] = [*FIRST, *mappings]
    return run(_run(events, file, [*before]))


async def _run(
    events: Sequence[Event], file: dict[str, Any], before: Sequence[Event]
) -> RowEnding:
    klaviyo = skipping_sandbox()
    list_id = await new_list(InProcessClient(klaviyo.account))
    text = orjson.dumps(file).replace(f'"{LIST}"'.encode(), f'"{list_id}"'.encode())
    pipeline = InProcessPipeline(klaviyo, compile_destination(orjson.loads(text)))
    for bodies in (before, events):
        await pipeline.publish(bodies)
        await pipeline.settle_all([*LaneId])
    await asyncio.sleep(JOBS_S)
    klaviyo.account.apply_due()
    await pipeline.stop()
    return RowEnding(klaviyo.account, list_id, pipeline.producer.outcomes())
