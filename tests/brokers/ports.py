"""Free ports on this machine that stay free while a broker is down."""

import secrets
import socket

_FIRST, _COUNT = 20_000, 12_000
"""Below the ephemeral range: inside it, a client that tries a stopped broker's
port can be given that very port as its own, and talk to itself."""


def free_ports(count: int) -> list[int]:
    """Return free ports of 127.0.0.1."""
    ports: set[int] = set()
    while len(ports) < count:
        port = _FIRST + secrets.randbelow(_COUNT)
        if _is_free(port):
            ports.add(port)
    return list(ports)


def _is_free(port: int) -> bool:
    with socket.socket() as sock:
        try:
            sock.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
