"""Which broker the tests take: the caller's, Docker's, the JVM's, the embedded one."""

import subprocess
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Generic, TypeVar

from docker.errors import DockerException

from tests.brokers import docker, jvm, outside
from tests.brokers.embedded import EmbeddedKafka
from tests.brokers.face import Broker, Stoppable

_FAILURES = (TimeoutError, OSError, DockerException, subprocess.SubprocessError)
"""What a way may fail with when it looked usable and was not (no image, no jars)."""

B = TypeVar("B", bound=Broker)


@dataclass(frozen=True, slots=True, kw_only=True)
class Way(Generic[B]):
    """One way to a broker."""

    name: str
    usable: Callable[[], str | None]
    """Why it cannot be taken, or None; quick."""
    start: Callable[[], B]


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice(Generic[B]):
    """The broker taken, and why not those before it."""

    broker: B | None
    passed_over: tuple[str, ...]

    def __str__(self) -> str:
        taken = "none" if self.broker is None else self.broker.name
        why = f" ({'; '.join(self.passed_over)})" if self.passed_over else ""
        return f"{taken}{why}"


def take(ways: Iterable[Way[B]]) -> Choice[B]:
    """Take the first way that leads to a broker."""
    passed_over: list[str] = []
    for way in ways:
        reason = way.usable()
        if reason is None:
            try:
                return Choice(broker=way.start(), passed_over=tuple(passed_over))
            except _FAILURES as failure:
                reason = f"{way.name} failed: {_told(failure)}"
        passed_over.append(reason)
    return Choice(broker=None, passed_over=tuple(passed_over))


def shared() -> Choice[Broker]:
    """A broker for tests that only need a prefix of their own."""
    ways: list[Way[Broker]] = [
        Way(name="outside", usable=outside.usable, start=outside.OutsideKafka),
        Way(name="Docker", usable=docker.usable, start=docker.DockerKafka),
        Way(name="JVM", usable=jvm.usable, start=jvm.JvmKafka),
        Way(name="embedded", usable=lambda: None, start=EmbeddedKafka),
    ]
    return take(ways)


def private(*, brokers: int) -> Choice[Stoppable]:
    """A broker, or three, for a test that stops and kills them."""
    in_docker = partial(docker.DockerKafka, brokers=brokers)
    on_jvm = partial(jvm.JvmKafka, brokers=brokers)
    ways: list[Way[Stoppable]] = [
        Way(name="Docker", usable=docker.usable, start=in_docker),
        Way(name="JVM", usable=jvm.usable, start=on_jvm),
    ]
    return take(ways)


def _told(failure: Exception) -> str:
    if isinstance(failure, subprocess.CalledProcessError):
        output = f"{failure.stdout or ''}{failure.stderr or ''}".strip()
        return (output.splitlines() or [str(failure)])[0]
    return str(failure)
