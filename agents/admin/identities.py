"""Identifiers of the users in the table, from source records or Klaviyo's profiles."""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping

from agents.admin.progress import ReportLine
from agents.admin.topic_reader import MissingRecord, headers_of, read_records
from agents.shared.context import clock_ms, kafka_access
from agents.shared.registry.client import RegistryClients
from agents.shared.registry.command import CommandSchemas
from streams.destination.model import Destination
from streams.errors import PoisonRecord
from streams.events.canonical_event import CanonicalEvent, Origin
from streams.events.convert import read_events
from streams.events.formats.source_record import SourceRecord
from streams.events.identifiers import identifiers_of
from streams.events.sources import converted_topics
from streams.klaviyo.api.client import KlaviyoClient
from streams.klaviyo.lookups.profile_lookup import users_with_profile
from streams.reconcile.comparison import Comparison
from streams.settings import Settings

LOOKUP_CHUNK_USERS = 1_000
"""Users looked up between two lines of progress: ten concurrent requests."""


class IdentityResolver:
    """Resolver of user keys to identifiers, with a memory of source times.

    Args:
        settings: Access to Kafka, and the largest size of an event.
        destination: Rules for reading e-mail addresses and phone numbers, and sources.
        client: Client of Klaviyo's API.
        create_report: Creates the receiver of progress lines.
    """

    def __init__(
        self,
        settings: Settings,
        destination: Destination,
        *,
        client: KlaviyoClient,
        create_report: Callable[[], ReportLine],
    ) -> None:
        self._kafka = kafka_access(settings)
        self._max_bytes = settings.max_event_bytes
        self._sources = converted_topics(destination.sources)
        self._schemas = CommandSchemas(RegistryClients())
        self._country = destination.contact_rules.country
        self._client = client
        self._create_report = create_report
        self._source_times: dict[Origin, int] = {}

    def resolve(self, comparison: Comparison, *, resync: bool) -> None:
        """Add to a comparison all identifiers that can be found.

        Args:
            comparison: Comparison of a list with the table.
            resync: Count all users inside as missing.

        Raises:
            ConfigError: Kafka or a schema registry does not answer.
            EngineError: Klaviyo refuses to return profiles.
        """
        unresolved = comparison.find_unresolved(resync=resync)
        users = {desired.last_write.origin: desired.user for desired in unresolved}
        for event in self._read_source_events(users):
            comparison.add_identity(
                event.user, identifiers_of(event, country=self._country)
            )
        for user in self._find_known_users(comparison.find_unidentified(resync=resync)):
            comparison.add_identity(user, {"external_id": user})

    def read_source_times(self, users: Mapping[Origin, str]) -> None:
        """Read the times of source records that are not known yet.

        Args:
            users: Origin of a source record → user key of the record.

        Raises:
            ConfigError: Kafka does not answer.
        """
        unread = {
            origin: user
            for origin, user in users.items()
            if origin not in self._source_times
        }
        for _ in self._read_source_events(unread):
            pass

    def source_time_ms(self, origin: Origin, *, default_ms: int) -> int:
        """Return the write time of a source record that was read before."""
        return self._source_times.get(origin, default_ms)

    def _read_source_events(
        self, users: Mapping[Origin, str]
    ) -> Iterator[CanonicalEvent]:
        """Yield the events; skip offsets that hold another user's event now."""
        report = self._create_report()
        for number, (origin, message) in enumerate(read_records(self._kafka, users), 1):
            report(f"{number} of {len(users)} source records read")
            if isinstance(message, MissingRecord):
                continue
            source_ms = message.timestamp()[1]
            record = SourceRecord(
                origin=origin,
                time_ms=source_ms,
                key=message.key(),
                value=message.value(),
                headers=dict(headers_of(message)),
            )
            for event in self._decode(record):
                if event.user == users[origin]:
                    self._source_times[origin] = source_ms
                    yield event

    def _decode(self, record: SourceRecord) -> list[CanonicalEvent]:
        try:
            return read_events(
                record,
                self._sources.get(record.origin.topic),
                now_ms=clock_ms(),
                max_bytes=self._max_bytes,
                schemas=self._schemas.lookup,
            )
        except PoisonRecord:
            return []

    def _find_known_users(self, users: Iterable[str]) -> set[str]:
        users = list(users)
        return asyncio.run(self._look_up_users(users)) if users else set()

    async def _look_up_users(self, users: list[str]) -> set[str]:
        known_user_ids: set[str] = set()
        report = self._create_report()
        async with self._client as client:
            for start in range(0, len(users), LOOKUP_CHUNK_USERS):
                chunk = users[start : start + LOOKUP_CHUNK_USERS]
                known_user_ids |= await users_with_profile(client, chunk)
                report(f"{start + len(chunk)} of {len(users)} user ids looked up")
        return known_user_ids
