"""Whom the table's user keys mean: source records say it, else Klaviyo's profiles."""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping

from agents.context import clock_ms, kafka_access
from agents.reading import Gone, read_places
from streams.destination.decide import named_in
from streams.destination.model import Destination
from streams.errors import PoisonRecord
from streams.events.decode import decode
from streams.events.model import CanonicalEvent
from streams.events.origin import Origin
from streams.klaviyo.client import KlaviyoClient
from streams.klaviyo.lookups import known_users
from streams.replay.reconcile import Comparison
from streams.settings import Settings

USERS_EACH = 1_000
"""Users looked up between two words of progress: ten requests side by side."""

Say = Callable[[str], None]


class Namer:
    """Reads source records, and remembers when they were written.

    Args:
        settings: Where Kafka is, and the largest record.
        destination: How contacts are read.
        client: Asks Klaviyo.
        ticker: Gives what is told how far it is.
    """

    def __init__(
        self,
        settings: Settings,
        destination: Destination,
        *,
        client: KlaviyoClient,
        ticker: Callable[[], Say],
    ) -> None:
        self._kafka = kafka_access(settings)
        self._max_bytes = settings.max_event_bytes
        self._rules = destination.contact_rules
        self._client = client
        self._ticker = ticker
        self._times: dict[Origin, int] = {}

    def name(self, comparison: Comparison, *, everyone: bool) -> None:
        """Tell a comparison all that can be found out.

        Args:
            comparison: Takes it in.
            everyone: Count all who are inside as missing.

        Raises:
            ConfigError: Kafka is not there.
            EngineError: Klaviyo does not say which profiles it has.
        """
        unsure = comparison.unsure(everyone=everyone)
        users = {word.membership.origin: word.user for word in unsure}
        for event in self._events(users):
            comparison.tell(event.user, named_in(event, rules=self._rules))
        for user in self._known(comparison.nameless(everyone=everyone)):
            comparison.tell(user, {"external_id": user})

    def read_times(self, users: Mapping[Origin, str]) -> None:
        """Learn when source records were written, those that are not known yet.

        Args:
            users: Where each lies -> whose it is.

        Raises:
            ConfigError: Kafka is not there.
        """
        asked = {at: user for at, user in users.items() if at not in self._times}
        for _ in self._events(asked):
            pass

    def time_ms(self, origin: Origin, *, otherwise: int) -> int:
        """Say when a record was written by Kafka's clock, where it was read."""
        return self._times.get(origin, otherwise)

    def _events(self, users: Mapping[Origin, str]) -> Iterator[CanonicalEvent]:
        """Give the source records of these users; what is another's now is not."""
        tick = self._ticker()
        for number, (origin, message) in enumerate(read_places(self._kafka, users), 1):
            tick(f"{number} of {len(users)} source records read")
            if isinstance(message, Gone):
                continue
            written_ms = message.timestamp()[1]
            try:
                event = decode(
                    message.value(),
                    origin=origin,
                    record_time_ms=written_ms,
                    now_ms=clock_ms(),
                    max_event_bytes=self._max_bytes,
                )
            except PoisonRecord:
                continue
            if event.user == users[origin]:
                self._times[origin] = written_ms
                yield event

    def _known(self, users: Iterable[str]) -> set[str]:
        users = list(users)
        return asyncio.run(self._look_up(users)) if users else set()

    async def _look_up(self, users: list[str]) -> set[str]:
        found: set[str] = set()
        tick = self._ticker()
        async with self._client as client:
            for start in range(0, len(users), USERS_EACH):
                part = users[start : start + USERS_EACH]
                found |= await known_users(client, part)
                tick(f"{start + len(part)} of {len(users)} user ids looked up")
        return found
