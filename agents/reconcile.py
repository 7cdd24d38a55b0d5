"""The table compared with Klaviyo's lists; differences go through the lanes."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from datetime import UTC, datetime

import msgspec

from agents.changelog import read_compacted, read_rows
from agents.context import kafka_access
from agents.endings import Ending, Endings
from agents.engine.producer import Message
from agents.klaviyo import klaviyo_client
from agents.naming import Namer, Say
from agents.reentry import Publisher, activation_again, new_id
from streams.actions.activation import Activation
from streams.destination.model import Destination
from streams.errors import ConfigError
from streams.klaviyo.metrics import Impatient
from streams.klaviyo.results import ListGone
from streams.klaviyo.rosters import Member, read_members
from streams.replay.reconcile import Comparison, Found, passed_over
from streams.replay.repairs import repairs
from streams.replay.words import Listed, Target, Words, about
from streams.settings import Settings

SAY_EVERY_S = 5.0
"""Ours: what takes long says how far it is, so often."""

CHUNK = 5_000
"""Records written together."""


class Reconciler:
    """Finds differences and repairs them.

    Args:
        settings: Where Kafka and Klaviyo are.
        destination: Which audiences are synced, and their lists.
        say: Told how far what takes long is.

    Raises:
        ConfigError: There is no API key, or it cannot be one; or the destination syncs
            no audiences, so that the table's words on them are of long ago.
    """

    def __init__(
        self, settings: Settings, destination: Destination, *, say: Say
    ) -> None:
        if not destination.sync_audiences:
            raise ConfigError([_NO_SYNC])
        self._client = klaviyo_client(settings)
        self._settings = settings
        self._destination = destination
        self._kafka = kafka_access(settings)
        self._say = say
        self._namer = Namer(
            settings, destination, client=self._client, ticker=self._ticker
        )

    def find(
        self, audiences: Collection[str] = (), *, everyone: bool = False
    ) -> list[Found]:
        """Compare; nothing is changed.

        The table is read before the lists and after: whoever moved meanwhile is not
        judged.

        Args:
            audiences: Only these. Where none is named, all; but those that have no list
                yet are passed over.
            everyone: Count all who are inside as missing.

        Raises:
            ConfigError: Kafka or a topic is not there, or an audience is unknown.
            EngineError: Klaviyo does not let a list be read.
        """
        before = self._words()
        chosen = [target for target, words in before.items() if about(words, audiences)]
        known = {one.audience for target in chosen for one in before[target].values()}
        if unknown := set(audiences) - known:
            names = ", ".join(sorted(unknown))
            raise ConfigError([f"audience {names}: the table knows nobody of it"])
        compared = [target for target in chosen if target.list_id or audiences]
        rosters = asyncio.run(self._rosters({one.list_id for one in compared}))
        after = self._words()
        return [
            self._compared(
                target,
                rosters[target.list_id],
                before=before[target],
                words=after.get(target, {}),
                audiences=audiences,
                everyone=everyone,
            )
            if target in compared
            else passed_over(after.get(target, {}))
            for target in sorted(chosen)
        ]

    def _words(self) -> dict[Target, Words]:
        topics = self._settings.topics
        pairings = read_compacted(self._kafka, topics.lists)
        rows = read_rows(self._kafka, topics.memberships_changelog)
        return Listed(self._destination, pairings).words(rows)

    async def _rosters(
        self, list_ids: Collection[str]
    ) -> dict[str, list[Member] | ListGone]:
        async with self._client as client:
            patient = Impatient(client)
            return {
                one: await read_members(patient, one, progress=self._reading(one))
                if one
                else ListGone(list_id="")
                for one in sorted(list_ids)
            }

    def _compared(  # noqa: PLR0913 - what was read, and what was asked for
        self,
        target: Target,
        roster: list[Member] | ListGone,
        *,
        before: Words,
        words: Words,
        audiences: Collection[str],
        everyone: bool,
    ) -> Found:
        members = [] if isinstance(roster, ListGone) else roster
        moving = {user for user, word in words.items() if before.get(user) != word}
        comparison = Comparison(words, members, moving=moving)
        self._namer.name(comparison, everyone=everyone)
        chosen = about(words, audiences)
        return Found(
            list_id=target.list_id,
            gone=isinstance(roster, ListGone),
            members=len(members),
            words=chosen,
            differences=comparison.differences(everyone=everyone).of(chosen),
        )

    def repair(
        self, found: Sequence[Found], *, replay: str, wait: bool
    ) -> Counter[Ending]:
        """Send each difference to activate, which judges it among the live events.

        Args:
            found: What `find` found.
            replay: Names the replay.
            wait: Return when all have ended.

        Returns:
            How many ended how; nothing without waiting.
        """
        activations = [one for each in found for one in repairs(each.differences)]
        self._namer.read_times({one.origin: one.user for one in activations})
        topics = self._settings.topics
        endings = Endings(self._kafka, topics.outcomes, replay=replay)
        try:
            self._publish(activations, replay)
            if not wait:
                return Counter()
            tick, total = self._ticker(), len(activations)
            self._say("waiting for the workers; what is sent goes on without this")
            return endings.wait(
                (one.origin for one in activations),
                progress=lambda done: tick(f"{done} of {total} have ended"),
            )
        finally:
            endings.close()

    def _publish(self, activations: Sequence[Activation], replay: str) -> None:
        publisher, tick, total = (
            Publisher(self._kafka),
            self._ticker(),
            len(activations),
        )
        for start in range(0, total, CHUNK):
            chunk = activations[start : start + CHUNK]
            publisher.publish([self.message(one, replay) for one in chunk])
            tick(f"{start + len(chunk)} of {total} sent")

    def message(self, activation: Activation, replay: str) -> Message:
        """Write a repair as activate takes it, behind what its user did before.

        It bears the time at which its source record was written, as the first one did:
        `deadletters requeue --from-source` tells by it that the record is still the
        same. Where it is gone, nobody asks for it; the event's time does.
        """
        return activation_again(
            self._settings.topics,
            msgspec.json.encode(activation),
            user=activation.user.encode(),
            origin=activation.origin,
            source_ms=self._namer.time_ms(
                activation.origin, otherwise=activation.time_ms
            ),
            replay=replay,
        )

    def _reading(self, list_id: str) -> Callable[[int, int], None]:
        tick, began_s = self._ticker(), time.monotonic()

        def progress(pages: int, members: int) -> None:
            rate = members / max(time.monotonic() - began_s, 0.001)
            told = f"list {list_id}: {pages} pages, {members} members"
            tick(f"{told}, {rate:.0f} a second")

        return progress

    def _ticker(self) -> Say:
        """Say what it is given, but not oftener than a reader can read."""
        last_s = time.monotonic()

        def tick(line: str) -> None:
            nonlocal last_s
            if time.monotonic() - last_s >= SAY_EVERY_S:
                last_s = time.monotonic()
                self._say(line)

        return tick


_NO_SYNC = (
    "sync_audiences is off, by itself or since a mapping takes audience events to "
    "lists: audiences move no lists, and there is nothing to compare"
)


def new_replay() -> str:
    """Name a repair."""
    return new_id(datetime.now(UTC))
