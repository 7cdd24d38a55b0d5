"""Servers that do not serve: real sockets for the faults of commands."""

import socket
import socketserver
import struct
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from threading import Thread
from typing import Final

_METADATA, _HANDSHAKE, _API_VERSIONS, _AUTHENTICATE = 3, 17, 18, 36

_VERSIONS: Final = {_METADATA: 4, _HANDSHAKE: 1, _API_VERSIONS: 3, _AUTHENTICATE: 0}
"""Highest version of each request that the Kafka below knows."""


@contextmanager
def closed_port() -> Iterator[str]:
    """Yield an address that refuses every connection: bound, but not listening."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{bound.getsockname()[1]}"


@contextmanager
def silent_server() -> Iterator[str]:
    """Yield an address that accepts connections, and never answers."""
    with socket.create_server(("127.0.0.1", 0), backlog=512) as server:
        yield f"127.0.0.1:{server.getsockname()[1]}"


@contextmanager
def refusing_kafka() -> Iterator[str]:
    """Yield the address of a Kafka that refuses all credentials."""
    with _kafka(_ANSWERS) as address:
        yield address


@contextmanager
def bootstrap_of(broker: str) -> Iterator[str]:
    """Yield the address of a Kafka that answers, and names a broker elsewhere.

    Args:
        broker: Address of the broker, as a wrong `advertised.listeners` has it.
    """
    host, _, port = broker.partition(":")
    node = (
        struct.pack(">ii", 1, 1) + _text(host.encode()) + struct.pack(">i", int(port))
    )
    metadata = struct.pack(">i", 0) + node + _NULL + _NULL + struct.pack(">ii", 1, 0)
    with _kafka({**_ANSWERS, _METADATA: metadata}) as address:
        yield address


@contextmanager
def _kafka(answers: Mapping[int, bytes]) -> Iterator[str]:
    """Yield the address of a Kafka that has an answer for each kind of request."""

    class Connection(socketserver.StreamRequestHandler):
        """Connection to the Kafka."""

        def handle(self) -> None:
            with suppress(ConnectionError):  # the client leaves when it likes
                self._answer()

        def _answer(self) -> None:
            while header := self.rfile.read(4):
                request = self.rfile.read(struct.unpack(">i", header)[0])
                key, _, correlation_id = struct.unpack(">hhi", request[:8])
                answer = struct.pack(">i", correlation_id) + answers[key]
                self.wfile.write(struct.pack(">i", len(answer)) + answer)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Connection) as server:
        server.daemon_threads = True
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"127.0.0.1:{server.server_address[1]}"
        server.shutdown()


_NULL: Final = struct.pack(">h", -1)
"""Text that is absent."""


def _text(value: bytes) -> bytes:
    return struct.pack(">h", len(value)) + value


_ANSWERS: Final = {
    _API_VERSIONS: struct.pack(">hB", 0, len(_VERSIONS) + 1)
    + b"".join(struct.pack(">hhhB", k, 0, v, 0) for k, v in _VERSIONS.items())
    + struct.pack(">iB", 0, 0),
    _HANDSHAKE: struct.pack(">hi", 0, 1) + _text(b"PLAIN"),
    _AUTHENTICATE: struct.pack(">h", 58) + _text(b"wrong") + struct.pack(">i", 0),
}
"""Answer to each request: error code 58 refuses the credentials."""
