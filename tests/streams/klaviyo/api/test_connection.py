"""The way to Klaviyo: proxies, source addresses, certificates, and their faults."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest
from aiohttp import web

from streams.errors import ConfigError
from streams.klaviyo.api import requests
from streams.klaviyo.api.client import KlaviyoClient
from streams.klaviyo.api.connection import Connection
from streams.klaviyo.api.results import (
    Accepted,
    AttemptResult,
    OperatorFault,
    Temporary,
)
from streams.settings.model import PROXY_OF_ENVIRONMENT, Secret
from tests.streams.klaviyo.fakes import KEY, FakeClock, FakeServer
from tests.support.forward_proxy import (
    ANY_ADDRESS,
    CREDENTIALS,
    ForwardProxy,
    tls_front,
)

_LIST = requests.find_lists("VIP")
_PASSWORD = CREDENTIALS.partition(":")[2]
_OTHER_LOOPBACK = "127.0.0.3"
_NO_ADDRESS_OF_OURS = "192.0.2.1"
"""Address that RFC 5737 keeps for documentation."""


@pytest.fixture(scope="module")
def proxy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ForwardProxy]:
    """One proxy for all tests of this module."""
    with closing(ForwardProxy(tmp_path_factory.mktemp("proxy"))) as proxy:
        yield proxy


@pytest.fixture(scope="module")
def closed_port() -> Iterator[int]:
    """Return a port of this machine where nobody listens."""
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        yield holder.getsockname()[1]


class Attempt:
    """A request to a server that notes who connects.

    Args:
        clock: Clock of the client.
        home: Directory for the certificate of the server's CA.

    Attributes:
        ca_file: File with the certificate, for requests over TLS.
        peers: Addresses that the server's requests came from.
        port: Port of the last request's URL.
    """

    def __init__(self, clock: FakeClock, home: Path) -> None:
        self._clock = clock
        self.ca_file = home / "ca.pem"
        self.peers: list[str] = []
        self.port = 0

    async def send(
        self,
        connection: Connection,
        *,
        over_tls: bool,
        host: str = "127.0.0.1",
        port: int = 0,
    ) -> AttemptResult:
        """Send a request by the connection; return the result.

        Args:
            connection: Way to the server.
            over_tls: Send it to the front that speaks TLS.
            host: Name of this machine in the URL.
            port: Port in the URL; that of the server by default.
        """

        async def handler(request: web.Request) -> web.StreamResponse:
            self.peers.append(request.remote or "")
            return web.json_response({"data": []})

        async with FakeServer(handler) as server:
            with ExitStack() as stack:
                url = server.url
                if over_tls:
                    url = stack.enter_context(tls_front(url, self.ca_file))
                scheme, _, self_port = url.replace("://127.0.0.1", "").rpartition(":")
                self.port = port or int(self_port)
                client = KlaviyoClient(
                    api_key=KEY,
                    clock=self._clock.as_clock(),
                    base_url=f"{scheme}://{host}:{self.port}",
                    connection=connection,
                )
                async with client:
                    result = await client.attempt(_LIST)
                assert _PASSWORD not in repr((client, connection, result))
                return result


@pytest.fixture
def attempt(clock: FakeClock, tmp_path: Path) -> Attempt:
    """Return a request to send."""
    return Attempt(clock, tmp_path)


@pytest.mark.parametrize("over_tls", [False, True])
@pytest.mark.parametrize("named_by", ["setting", "environment"])
async def test_a_request_goes_through_the_proxy(
    attempt: Attempt,
    proxy: ForwardProxy,
    monkeypatch: pytest.MonkeyPatch,
    *,
    named_by: str,
    over_tls: bool,
) -> None:
    """The proxy is named by the setting, or by the environment if that is asked for."""
    for name in ("http_proxy", "https_proxy"):
        monkeypatch.setenv(name, proxy.url)
    monkeypatch.setenv("no_proxy", "klaviyo.example")
    connection = Connection(
        proxy=proxy.url if named_by == "setting" else PROXY_OF_ENVIRONMENT,
        proxy_credentials=Secret(CREDENTIALS),
        ca_file=str(attempt.ca_file) if over_tls else "",
    )

    result = await attempt.send(connection, over_tls=over_tls, host=ANY_ADDRESS)

    assert isinstance(result, Accepted)
    assert len(attempt.peers) == 1
    await proxy.await_connection_to(attempt.port)


async def test_the_proxy_of_the_environment_may_lack_its_scheme(
    attempt: Attempt, proxy: ForwardProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`host:port` is an HTTP proxy, as curl and urllib read it."""
    for name in ("http_proxy", "https_proxy"):
        monkeypatch.setenv(name, proxy.url.removeprefix("http://"))
    connection = Connection(
        proxy=PROXY_OF_ENVIRONMENT, proxy_credentials=Secret(CREDENTIALS)
    )

    result = await attempt.send(connection, over_tls=False, host=ANY_ADDRESS)

    assert isinstance(result, Accepted)


@pytest.fixture
def _dead_proxy_in_environment(
    closed_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Name a proxy that does not exist: whoever takes it fails."""
    for name in ("http_proxy", "https_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{closed_port}")


@pytest.mark.usefixtures("_dead_proxy_in_environment")
@pytest.mark.parametrize(
    ("proxy_setting", "host", "no_proxy"),
    [
        pytest.param("", ANY_ADDRESS, "", id="not-asked-for"),
        pytest.param(PROXY_OF_ENVIRONMENT, ANY_ADDRESS, ANY_ADDRESS, id="no_proxy"),
        pytest.param(PROXY_OF_ENVIRONMENT, "127.0.0.1", "", id="this-machine"),
        pytest.param(PROXY_OF_ENVIRONMENT, "localhost", "", id="this-machines-name"),
    ],
)
async def test_the_proxy_of_the_environment_is_left_out(
    attempt: Attempt,
    monkeypatch: pytest.MonkeyPatch,
    proxy_setting: str,
    host: str,
    no_proxy: str,
) -> None:
    """The environment counts only when asked for, and never for this machine."""
    monkeypatch.setenv("no_proxy", no_proxy)

    result = await attempt.send(
        Connection(proxy=proxy_setting), over_tls=False, host=host
    )

    assert isinstance(result, Accepted)


async def test_a_request_comes_from_the_source_address(attempt: Attempt) -> None:
    """The server sees the address of the setting."""
    connection = Connection(source_address=_OTHER_LOOPBACK)

    result = await attempt.send(connection, over_tls=False)

    assert isinstance(result, Accepted)
    assert attempt.peers == [_OTHER_LOOPBACK]


@pytest.mark.parametrize(
    ("credentials", "over_tls"),
    [
        pytest.param("streams:wrong", True, id="wrong-tls"),
        pytest.param("streams:wrong", False, id="wrong-plain"),
        pytest.param("", True, id="none-tls"),
        pytest.param("", False, id="none-plain"),
    ],
)
async def test_a_proxy_that_refuses_the_credentials_is_a_fault_for_the_operator(
    attempt: Attempt, proxy: ForwardProxy, credentials: str, *, over_tls: bool
) -> None:
    """The lane waits, and says why."""
    connection = Connection(proxy=proxy.url, proxy_credentials=Secret(credentials))

    result = await attempt.send(connection, over_tls=over_tls)

    assert result == OperatorFault(status=407, reason="proxy-unauthorized")
    assert not attempt.peers


async def test_network_faults_are_told_apart(
    attempt: Attempt, proxy: ForwardProxy, closed_port: int
) -> None:
    """Each fault is temporary, and its reason names the setting to look at."""
    credentials = Secret(CREDENTIALS)
    through = Connection(proxy=proxy.url, proxy_credentials=credentials)
    nowhere = Connection(proxy=f"http://127.0.0.1:{closed_port}")
    stranger = Connection(source_address=_NO_ADDRESS_OF_OURS)

    reasons = [
        await attempt.send(nowhere, over_tls=True),
        await attempt.send(through, over_tls=True, port=closed_port),
        await attempt.send(through, over_tls=True),
        await attempt.send(Connection(), over_tls=True),
        await attempt.send(stranger, over_tls=False),
        await attempt.send(Connection(), over_tls=False, port=closed_port),
    ]

    assert reasons == [
        Temporary(reason="cannot-connect-to-proxy"),
        Temporary(reason="proxy-refused"),
        Temporary(reason="certificate-not-trusted"),
        Temporary(reason="certificate-not-trusted"),
        Temporary(reason="source-address-unknown"),
        Temporary(reason="cannot-connect"),
    ]
    assert not attempt.peers


@pytest.mark.parametrize("content", ["", "not a certificate"])
def test_a_file_without_certificates_is_refused_at_the_start(
    clock: FakeClock, tmp_path: Path, content: str
) -> None:
    """The error names the setting and the format."""
    ca_file = tmp_path / "ca.pem"
    ca_file.write_text(content)

    with pytest.raises(ConfigError, match=r"klaviyo_ca_file: .* PEM"):
        KlaviyoClient(
            api_key=KEY,
            clock=clock.as_clock(),
            connection=Connection(ca_file=str(ca_file)),
        )
