"""HTTP transport: sends a request and returns a result, also for network errors."""

from collections.abc import Mapping
from io import BytesIO
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp
from yarl import URL

from streams.errors import ConfigError
from streams.klaviyo.api.endpoints import API_REVISION
from streams.klaviyo.api.requests import Request
from streams.klaviyo.api.responses import parse_response
from streams.klaviyo.api.results import AttemptResult, Temporary

CONNECTIONS_MAX = 32
"""Enough connections for the largest burst (75/s) with responses of 400 ms."""

_STREAM_FROM_BYTES = 500_000
"""Body size from which a body is streamed: aiohttp warns that raw bytes above 1 MB
block the event loop."""

_JSON_API_TYPE = "application/vnd.api+json"


class Transport:
    """HTTP connection to a single host with a single API key.

    Args:
        api_key: Private key; appears in no log, error or `repr`.
        base_url: Scheme and host.
        timeout_s: Timeout of a request, in seconds.

    Raises:
        ConfigError: The key or the URL is not valid.
    """

    def __init__(self, *, api_key: str, base_url: str, timeout_s: float) -> None:
        _check_config(api_key=api_key, base_url=base_url)
        self._headers = _request_headers(api_key)
        self._base_url = base_url.rstrip("/")
        self._timeout = aiohttp.ClientTimeout(total=timeout_s)
        self._proxy = _find_proxy(base_url)
        self._session: aiohttp.ClientSession | None = None

    def __repr__(self) -> str:
        return f"Transport(base_url={self._base_url!r})"

    def open(self) -> None:
        """Create the HTTP session."""
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=CONNECTIONS_MAX),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=self._timeout,
        )

    async def close(self) -> None:
        """Close all HTTP connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def exchange(
        self, request: Request
    ) -> tuple[AttemptResult, Mapping[str, str]]:
        """Send a request and return the result; a network error is a result too.

        Returns:
            The result and the response headers (a case-insensitive mapping).
        """
        if self._session is None:
            raise RuntimeError("the client must be used inside `async with`")
        data: bytes | BytesIO | None = request.body or None
        if len(request.body) > _STREAM_FROM_BYTES:
            data = BytesIO(request.body)  # aiohttp sends a file in pieces
        try:
            async with self._session.request(
                request.endpoint.method,
                URL(self._base_url + request.target, encoded=True),
                data=data,
                headers=self._headers,
                proxy=self._proxy,
                allow_redirects=False,  # the API key must reach this host only
            ) as response:
                body = await response.read()
        except (aiohttp.ClientError, OSError) as error:
            return Temporary(reason=_network_reason(error)), {}
        return parse_response(response.status, response.headers, body), response.headers


def _request_headers(api_key: str) -> dict[str, str]:
    return {
        "Authorization": f"Klaviyo-API-Key {api_key}",
        "revision": API_REVISION,
        "Accept": _JSON_API_TYPE,
        "Content-Type": _JSON_API_TYPE,
        "User-Agent": "klaviyo-streams",
    }


def _check_config(*, api_key: str, base_url: str) -> None:
    problems = []
    if not (api_key.isascii() and api_key.isprintable() and api_key.strip()):
        problems.append("klaviyo.api_key: empty or not printable ASCII")
    if not _is_url(base_url):
        problems.append("klaviyo.base_url: not a URL; use https://a.klaviyo.com")
    if problems:
        raise ConfigError(problems)


def _is_url(text: str) -> bool:
    try:
        url = URL(text)
        return url.scheme in {"http", "https"} and bool(url.host) and url.port != 0
    except ValueError:
        return False


def _find_proxy(base_url: str) -> str | None:
    """Return the proxy that the environment sets for this host.

    `trust_env` of aiohttp would also read netrc and reject our Authorization header.
    """
    url_parts = urlsplit(base_url)
    if url_parts.hostname in {"localhost", "127.0.0.1", "::1"}:
        return None
    if url_parts.hostname is None or proxy_bypass(url_parts.hostname):
        return None
    return getproxies().get(url_parts.scheme)


def _network_reason(error: Exception) -> str:
    """Return a reason code for a network error, without the error's own text."""
    if isinstance(error, TimeoutError):
        return "timeout"
    if isinstance(error, aiohttp.ClientConnectorError):
        return "cannot-connect"
    return "connection-cut"
