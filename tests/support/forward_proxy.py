"""A real forward proxy in a process of its own, and a TLS front for a plain server."""

import asyncio
import contextlib
import socket
import ssl
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import trustme

from tests.support.processes import spawn

CREDENTIALS = "streams:pr0xy-5ecret"
"""User and password of the proxy; no log may show the password."""

ANY_ADDRESS = "0.0.0.0"  # noqa: S104 - a client of this address reaches this machine
"""Host of this machine that does not count as loopback."""

_START_S = 120.0
_READ_BYTES = 65_536


class ForwardProxy:
    """Process of proxy.py on 127.0.0.1 that asks for `CREDENTIALS`.

    Args:
        home: Directory for the log.

    Attributes:
        url: URL of the proxy, without credentials.
    """

    def __init__(self, home: Path) -> None:
        self._log, port_file = home / "proxy.log", home / "proxy.port"
        command = [sys.executable, "-m", "proxy", "--hostname", "127.0.0.1"]
        command += ["--port", "0", "--port-file", str(port_file)]
        command += ["--num-workers", "1", "--num-acceptors", "1"]
        command += ["--basic-auth", CREDENTIALS]
        with self._log.open("wb") as log:
            self._process = spawn(command, stdout=log)
        deadline_s = time.monotonic() + _START_S
        while not (port_file.exists() and port_file.read_text().strip()):
            assert time.monotonic() < deadline_s, self.log
            time.sleep(0.02)
        self.url = f"http://127.0.0.1:{port_file.read_text().strip()}"

    @property
    def log(self) -> str:
        """Everything that the proxy has printed: a line for each connection."""
        return self._log.read_text(errors="replace")

    async def await_connection_to(self, port: int) -> None:
        """Wait until the log has a connection to a port, which it has at its end."""
        deadline_s = time.monotonic() + _START_S
        while f":{port}" not in self.log:
            assert time.monotonic() < deadline_s, self.log
            await asyncio.sleep(0.02)

    def close(self) -> None:
        """End the proxy and its acceptor."""
        self._process.terminate()
        self._process.wait(_START_S)


@contextmanager
def tls_front(target_url: str, ca_file: Path) -> Iterator[str]:
    """Serve a plain HTTP server over TLS, and yield the URL.

    Args:
        target_url: URL of the server.
        ca_file: Gets the certificate of the CA that vouches for the front.
    """
    authority = trustme.CA()
    authority.cert_pem.write_to_path(ca_file)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1", ANY_ADDRESS).configure_cert(context)
    host, _, port = target_url.removeprefix("http://").rpartition(":")
    with socket.create_server(("127.0.0.1", 0)) as server:
        accepting = threading.Thread(
            target=_accept, args=(server, context, (host, int(port))), daemon=True
        )
        accepting.start()
        yield f"https://127.0.0.1:{server.getsockname()[1]}"
        server.shutdown(socket.SHUT_RDWR)
        accepting.join()


def _accept(
    server: socket.socket, context: ssl.SSLContext, target: tuple[str, int]
) -> None:
    with contextlib.suppress(OSError):  # the front has been closed
        while True:
            client, _ = server.accept()
            threading.Thread(
                target=_relay, args=(client, context, target), daemon=True
            ).start()


def _relay(
    client: socket.socket, context: ssl.SSLContext, target: tuple[str, int]
) -> None:
    with (
        contextlib.suppress(OSError),
        context.wrap_socket(client, server_side=True) as front,
        socket.create_connection(target) as back,
    ):
        answers = threading.Thread(target=_copy, args=(back, front), daemon=True)
        answers.start()
        _copy(front, back)
        answers.join()


def _copy(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(_READ_BYTES):
            sink.sendall(data)
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_WR)
