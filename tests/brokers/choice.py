"""Choice of the tests' broker: external, Docker, the JVM, or the embedded one."""

import subprocess
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Generic, TypeVar

from docker.errors import DockerException

from tests.brokers import docker, external, jvm
from tests.brokers.embedded import EmbeddedKafka
from tests.brokers.interface import Broker, Stoppable

_FAILURES = (TimeoutError, OSError, DockerException, subprocess.SubprocessError)
"""Failures of a source that seemed available (no image, no jars)."""

B = TypeVar("B", bound=Broker)


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerSource(Generic[B]):
    """Source of a broker, tried in order."""

    name: str
    unavailable_reason: Callable[[], str | None]
    """Return the reason why the source is unavailable, or None; quick."""
    start: Callable[[], B]


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice(Generic[B]):
    """Chosen broker, and the reasons against the sources tried before."""

    broker: B | None
    skipped: tuple[str, ...]

    def __str__(self) -> str:
        name = "none" if self.broker is None else self.broker.name
        reasons = f" ({'; '.join(self.skipped)})" if self.skipped else ""
        return f"{name}{reasons}"


def choose(sources: Iterable[BrokerSource[B]]) -> Choice[B]:
    """Choose the first source that yields a broker."""
    skipped: list[str] = []
    for source in sources:
        reason = source.unavailable_reason()
        if reason is None:
            try:
                return Choice(broker=source.start(), skipped=tuple(skipped))
            except _FAILURES as failure:
                reason = f"{source.name} failed: {_describe(failure)}"
        skipped.append(reason)
    return Choice(broker=None, skipped=tuple(skipped))


def choose_shared() -> Choice[Broker]:
    """Choose a broker for tests that only need a topic prefix of their own."""
    sources: list[BrokerSource[Broker]] = [
        BrokerSource(
            name="outside",
            unavailable_reason=external.unavailable_reason,
            start=external.ExternalKafka,
        ),
        BrokerSource(
            name="Docker",
            unavailable_reason=docker.unavailable_reason,
            start=docker.DockerKafka,
        ),
        BrokerSource(
            name="JVM", unavailable_reason=jvm.unavailable_reason, start=jvm.JvmKafka
        ),
        BrokerSource(
            name="embedded", unavailable_reason=lambda: None, start=EmbeddedKafka
        ),
    ]
    return choose(sources)


def choose_private(*, brokers: int) -> Choice[Stoppable]:
    """Choose a private broker, or three, for a test that stops and kills them."""
    in_docker = partial(docker.DockerKafka, brokers=brokers)
    on_jvm = partial(jvm.JvmKafka, brokers=brokers)
    sources: list[BrokerSource[Stoppable]] = [
        BrokerSource(
            name="Docker", unavailable_reason=docker.unavailable_reason, start=in_docker
        ),
        BrokerSource(
            name="JVM", unavailable_reason=jvm.unavailable_reason, start=on_jvm
        ),
    ]
    return choose(sources)


def _describe(failure: Exception) -> str:
    if isinstance(failure, subprocess.CalledProcessError):
        output = f"{failure.stdout or ''}{failure.stderr or ''}".strip()
        return (output.splitlines() or [str(failure)])[0]
    return str(failure)
