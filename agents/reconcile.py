"""The table compared with Klaviyo's lists; differences go through the lanes."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import msgspec

from agents.changelog import read_compacted, read_rows
from agents.context import clock_ms, kafka_access
from agents.endings import Ending, Endings
from agents.engine.producer import Message
from agents.klaviyo import klaviyo_client
from agents.reading import Gone, read_places
from agents.reentry import Publisher, activation_again, new_id
from streams.actions.activation import Activation
from streams.destination.decide import named_in
from streams.destination.model import Destination
from streams.errors import ConfigError, PoisonRecord
from streams.events.decode import decode
from streams.events.origin import Origin
from streams.klaviyo.metrics import Impatient
from streams.klaviyo.results import ListGone
from streams.klaviyo.rosters import Member, read_members
from streams.replay.reconcile import Comparison, Differences
from streams.replay.repairs import repairs
from streams.replay.words import Listed, Words, about
from streams.settings import Settings

SAY_EVERY_S = 5.0
"""Ours: what takes long says how far it is, so often."""

CHUNK = 5_000
"""Records written together."""

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What one list came to.

    Attributes:
        list_id: Klaviyo's id; empty when its audience has no list yet.
        gone: Klaviyo has no such list.
        members: How many are on it.
        words: What the table says of it.
        differences: What has to change.
    """

    list_id: str
    gone: bool
    members: int
    words: Words
    differences: Differences


class Reconciler:
    """Finds differences and repairs them.

    Args:
        settings: Where Kafka and Klaviyo are.
        destination: Which audiences are synced, and their lists.
        say: Told how far what takes long is.

    Raises:
        ConfigError: There is no API key, or it cannot be one.
    """

    def __init__(
        self, settings: Settings, destination: Destination, *, say: Say
    ) -> None:
        self._client = klaviyo_client(settings)
        self._settings = settings
        self._destination = destination
        self._kafka = kafka_access(settings)
        self._say = say

    def find(
        self, audiences: Collection[str] = (), *, everyone: bool = False
    ) -> list[Found]:
        """Compare; nothing is changed.

        The table is read before the lists and after: whoever moved meanwhile is not
        judged.

        Args:
            audiences: Only these; all that have a list where none is named.
            everyone: Count all who are inside as missing.

        Raises:
            ConfigError: Kafka or a topic is not there, or an audience is unknown.
            EngineError: Klaviyo does not let a list be read.
        """
        before = self._words()
        chosen = [name for name, words in before.items() if about(words, audiences)]
        known = {one.audience for name in chosen for one in before[name].values()}
        if unknown := set(audiences) - known:
            names = ", ".join(sorted(unknown))
            raise ConfigError([f"audience {names}: the table knows nobody of it"])
        if not audiences:
            chosen = [list_id for list_id in chosen if list_id]
        rosters = asyncio.run(self._rosters(chosen))
        after = self._words()
        return [
            self._compared(
                list_id,
                rosters[list_id],
                before=before[list_id],
                words=after.get(list_id, {}),
                audiences=audiences,
                everyone=everyone,
            )
            for list_id in sorted(chosen)
        ]

    def _words(self) -> dict[str, Words]:
        topics = self._settings.topics
        pairings = read_compacted(self._kafka, topics.lists)
        rows = read_rows(self._kafka, topics.memberships_changelog)
        return Listed(self._destination, pairings).words(rows)

    async def _rosters(
        self, list_ids: Sequence[str]
    ) -> dict[str, list[Member] | ListGone]:
        async with self._client as client:
            patient = Impatient(client)
            return {
                one: await read_members(patient, one, progress=self._reading(one))
                if one
                else ListGone(list_id="")
                for one in list_ids
            }

    def _compared(  # noqa: PLR0913 - what was read, and what was asked for
        self,
        list_id: str,
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
        self._ask_sources(comparison, everyone=everyone)
        differences = comparison.differences(everyone=everyone)
        chosen = about(words, audiences)
        return Found(
            list_id=list_id,
            gone=isinstance(roster, ListGone),
            members=len(members),
            words=chosen,
            differences=replace(
                differences,
                missing=tuple(d for d in differences.missing if d.word.user in chosen),
                unexpected=tuple(
                    d for d in differences.unexpected if d.word.user in chosen
                ),
            ),
        )

    def _ask_sources(self, comparison: Comparison, *, everyone: bool) -> None:
        unsure = comparison.unsure(everyone=everyone)
        users = {word.membership.origin: word.user for word in unsure}
        tick = self._ticker()
        for number, (origin, identifiers) in enumerate(self._named(users)):
            comparison.tell(users[origin], identifiers)
            tick(f"{number + 1} of {len(users)} source records read")

    def _named(
        self, users: dict[Origin, str]
    ) -> Iterator[tuple[Origin, dict[str, str]]]:
        """Give what the source records call these users; what is another's is not."""
        rules = self._destination.contact_rules
        for origin, message in read_places(self._kafka, users):
            if isinstance(message, Gone):
                continue
            try:
                event = decode(
                    message.value(),
                    origin=origin,
                    record_time_ms=message.timestamp()[1],
                    now_ms=clock_ms(),
                    max_event_bytes=self._settings.max_event_bytes,
                )
                if event.user == users[origin]:
                    yield origin, named_in(event, rules=rules)
            except PoisonRecord:
                continue

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
        """Write a repair as activate takes it, behind what its user did before."""
        return activation_again(
            self._settings.topics,
            msgspec.json.encode(activation),
            user=activation.user.encode(),
            origin=activation.origin,
            source_ms=activation.time_ms,
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


def new_replay() -> str:
    """Name a repair."""
    return new_id(datetime.now(UTC))
