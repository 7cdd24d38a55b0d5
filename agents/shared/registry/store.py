"""Schemas of a worker: fetched once each, waited for, and read by the conversion."""

import asyncio
import time
from collections.abc import Callable, Iterable
from typing import Final, Protocol, TypeAlias

import structlog
from mode import Service

from agents.shared.registry.client import RegistryAway, SchemaMissing
from streams.errors import PoisonRecord
from streams.events.wire_formats.registry import Registry
from streams.events.wire_formats.schemas import CompiledSchema, SchemaName

log = structlog.get_logger(__name__)

RETRY_FIRST_S: Final = 0.5
RETRY_LONGEST_S: Final = 10.0
"""Longest pause between two requests: a registry that is back is noticed soon."""

UNKNOWN_RETRY_S: Final = 1.0
RECHECK_S: Final = 10.0
"""Time for which an unknown schema stays one, once it was waited for."""

UNKNOWN_KEPT: Final = 10_000
"""Unknown schemas remembered: bytes that are no frames name one each."""

Key: TypeAlias = tuple[Registry, SchemaName]


class Fetcher(Protocol):
    """Client that fetches a schema, blocking its thread."""

    def fetch(self, registry: Registry, name: SchemaName) -> CompiledSchema:
        """Fetch a schema; raise RegistryAway, SchemaMissing or PoisonRecord."""
        ...


class SchemaStore(Service):
    """Schemas of all registries, in memory: a schema never changes under the same name.

    A registry that is away, or refuses the credentials, is asked again until it
    answers. An unknown schema is asked for again for a while too, since it may be
    registered a moment later; then it counts as unknown.

    Args:
        clients: Clients of the registries.
        clock_s: Clock that never goes back, seconds.
    """

    def __init__(
        self, clients: Fetcher, *, clock_s: Callable[[], float] = time.monotonic
    ) -> None:
        super().__init__()
        self._clients = clients
        self._clock_s = clock_s
        self._schemas: dict[Key, CompiledSchema | PoisonRecord] = {}
        self._first_missed_s: dict[Key, float] = {}
        self._unknown_until_s: dict[Key, float] = {}
        self._fetches: dict[Key, asyncio.Task[None]] = {}
        self._away: set[Registry] = set()

    @property
    def label(self) -> str:
        """Name of the service in logs."""
        return "Schema registries"

    def lookup(self, registry: Registry | None, name: SchemaName) -> CompiledSchema:
        """Return a schema that `resolve` has fetched.

        Raises:
            PoisonRecord: The schema is unknown, or cannot be used.
        """
        if registry is None:
            raise PoisonRecord("unknown-schema", f"{name}: the source has no registry")
        schema = self._schemas.get((registry, name))
        if schema is None:
            waited_s = registry.unknown_schema_s
            wording = f"{name}: not in the registry after {waited_s:.0f} s"
            raise PoisonRecord("unknown-schema", wording)
        if isinstance(schema, PoisonRecord):
            raise schema
        return schema

    def is_resolved(self, key: Key) -> bool:
        """Return True if the schema was fetched, or counts as unknown."""
        return key in self._schemas or (
            self._unknown_until_s.get(key, float("-inf")) > self._clock_s()
        )

    async def resolve(self, keys: Iterable[Key], *, timeout_s: float) -> bool:
        """Fetch schemas; callers that wait for the same schema share a single fetch.

        Returns:
            True once all are resolved, False if the time ran out before.
        """
        missing = {key for key in keys if not self.is_resolved(key)}
        tasks = [self._fetches.get(key) or self._start(key) for key in missing]
        if not tasks:
            return True
        done, pending = await asyncio.wait(tasks, timeout=timeout_s)
        for task in done:
            task.result()
        return not pending

    async def on_stop(self) -> None:
        """End all waiting for schemas."""
        for task in self._fetches.values():
            task.cancel()

    def _start(self, key: Key) -> asyncio.Task[None]:
        task = self._fetches[key] = asyncio.create_task(self._fetch_until_known(key))
        task.add_done_callback(lambda _: self._fetches.pop(key, None))
        return task

    async def _fetch_until_known(self, key: Key) -> None:
        wait_s = RETRY_FIRST_S
        while True:
            try:
                self._schemas[key] = await asyncio.to_thread(self._clients.fetch, *key)
            except PoisonRecord as fault:
                self._schemas[key] = fault
            except SchemaMissing:
                self._note_answer(key[0])
                if self._is_given_up(key):
                    return
                await asyncio.sleep(UNKNOWN_RETRY_S)
                continue
            except RegistryAway as fault:
                self._warn(key[0], fault, retry_s=wait_s)
                await asyncio.sleep(wait_s)
                wait_s = min(2 * wait_s, RETRY_LONGEST_S)
                continue
            self._note_answer(key[0])
            self._first_missed_s.pop(key, None)
            return

    def _is_given_up(self, key: Key) -> bool:
        """Return True once a missing schema was waited for; from then on, at once."""
        now_s = self._clock_s()
        if len(self._first_missed_s) > UNKNOWN_KEPT:
            self._first_missed_s.clear()
            self._unknown_until_s.clear()
        first_s = self._first_missed_s.setdefault(key, now_s)
        if now_s - first_s < key[0].unknown_schema_s:
            return False
        self._unknown_until_s[key] = now_s + RECHECK_S
        return True

    def _warn(self, registry: Registry, fault: RegistryAway, *, retry_s: float) -> None:
        """Log that a registry is away, once until the registry answers."""
        if registry in self._away:
            return
        self._away.add(registry)
        log.warning(
            "registry_away",
            registry=registry.url,
            fault=fault.fault,
            retry_s=retry_s,
            fix=fault.fix or "none needed: its records wait, and go on by themselves",
        )

    def _note_answer(self, registry: Registry) -> None:
        if registry in self._away:
            self._away.discard(registry)
            log.info("registry_back", registry=registry.url)
