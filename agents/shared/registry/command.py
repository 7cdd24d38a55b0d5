"""Schemas of a command: fetched when a record needs a schema, or the command ends."""

import threading
from queue import Empty, SimpleQueue
from typing import Final

from agents.shared.registry.client import RegistryAway, RegistryClients, SchemaMissing
from streams.errors import ConfigError, PoisonRecord
from streams.events.wire_formats.registry import Registry
from streams.events.wire_formats.schemas import CompiledSchema, SchemaName

COMMAND_TIMEOUT_S: Final = 10.0


class CommandSchemas:
    """Schemas that a command has fetched so far.

    Args:
        clients: Clients of the registries.
        timeout_s: Longest time for one schema with all that it refers to, seconds.
    """

    def __init__(
        self, clients: RegistryClients, *, timeout_s: float = COMMAND_TIMEOUT_S
    ) -> None:
        self._clients = clients
        self._timeout_s = timeout_s
        self._schemas: dict[
            tuple[Registry, SchemaName], CompiledSchema | PoisonRecord
        ] = {}

    def lookup(self, registry: Registry | None, name: SchemaName) -> CompiledSchema:
        """Return a compiled schema by name, fetched at the first need.

        Raises:
            PoisonRecord: The schema is unknown, or cannot be used.
            ConfigError: The registry does not answer, or refuses the credentials.
        """
        if registry is None:
            raise PoisonRecord("unknown-schema", f"{name}: the source has no registry")
        key = (registry, name)
        if key not in self._schemas:
            self._schemas[key] = self._fetch(registry, name)
        schema = self._schemas[key]
        if isinstance(schema, PoisonRecord):
            raise schema
        return schema

    def _fetch(
        self, registry: Registry, name: SchemaName
    ) -> CompiledSchema | PoisonRecord:
        result = self._fetch_in_time(registry, name)
        match result:
            case CompiledSchema() | PoisonRecord():
                return result
            case SchemaMissing():
                return PoisonRecord("unknown-schema", f"{name}: not in the registry")
            case RegistryAway():
                fix = result.fix or "is it up, and registry.url right?"
                problem = f"registry {registry.url}: {result.fault}; {fix}"
                raise ConfigError([problem])
            case None:
                problem = f"no answer within {self._timeout_s:.0f} s; is it up?"
                raise ConfigError([f"registry {registry.url}: {problem}"])
            case _:
                raise result

    def _fetch_in_time(
        self, registry: Registry, name: SchemaName
    ) -> CompiledSchema | Exception | None:
        """Fetch in a thread that the process does not wait for; None after a time-out.

        The client has a time-out for each read, but an answer has many reads.
        """
        results: SimpleQueue[CompiledSchema | Exception] = SimpleQueue()

        def fetch() -> None:
            try:
                results.put(self._clients.fetch(registry, name))
            except Exception as fault:  # noqa: BLE001 - the caller gets it
                results.put(fault)

        threading.Thread(target=fetch, daemon=True).start()
        try:
            return results.get(timeout=self._timeout_s)
        except Empty:
            return None
