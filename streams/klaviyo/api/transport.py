"""One request over the wire: bytes out, an answer back, whatever happens between."""

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
"""Enough for the widest burst (75/s) at answers of 400 ms."""

_STREAM_FROM_BYTES = 500_000
"""aiohttp warns that raw bytes above 1 MB hold up the event loop."""

_JSON_API_TYPE = "application/vnd.api+json"


class Transport:
    """Talks HTTP with one host, with one API key.

    Args:
        api_key: Private key; it is in no log, error or `repr`.
        base_url: Scheme and host.
        timeout_s: The longest a request may take.

    Raises:
        ConfigError: The key or the URL cannot be one.
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
        """Make ready to connect."""
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=CONNECTIONS_MAX),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=self._timeout,
        )

    async def close(self) -> None:
        """Close all connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def exchange(
        self, request: Request
    ) -> tuple[AttemptResult, Mapping[str, str]]:
        """Send and read; an error of the network is an answer too.

        Returns:
            The answer, and its headers, their names in any case.
        """
        if self._session is None:
            raise RuntimeError("the client is used outside `async with`")
        try:
            async with self._session.request(
                request.method,
                URL(self._base_url + request.target, encoded=True),
                data=_request_payload(request.body),
                headers=self._headers,
                proxy=self._proxy,
                allow_redirects=False,  # the key goes to this host only
            ) as response:
                body = await response.read()
        except (aiohttp.ClientError, OSError) as error:
            return Temporary(reason=_network_reason(error)), {}
        return parse_response(response.status, response.headers, body), response.headers


def _request_payload(body: bytes) -> bytes | BytesIO | None:
    """Give a large body as a file, which aiohttp sends piece by piece."""
    if len(body) > _STREAM_FROM_BYTES:
        return BytesIO(body)
    return body or None


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
        problems.append("klaviyo.base_url: not a URL; would be https://a.klaviyo.com")
    if problems:
        raise ConfigError(problems)


def _is_url(text: str) -> bool:
    try:
        url = URL(text)
        return url.scheme in {"http", "https"} and bool(url.host) and url.port != 0
    except ValueError:
        return False


def _find_proxy(base_url: str) -> str | None:
    """Find the proxy the environment names for this host.

    aiohttp's own `trust_env` would read netrc as well and refuse our header for it.
    """
    url_parts = urlsplit(base_url)
    if url_parts.hostname in {"localhost", "127.0.0.1", "::1"}:
        return None
    if url_parts.hostname is None or proxy_bypass(url_parts.hostname):
        return None
    return getproxies().get(url_parts.scheme)


def _network_reason(error: Exception) -> str:
    """Name what broke; the error's own text may hold headers."""
    if isinstance(error, TimeoutError):
        return "timeout"
    if isinstance(error, aiohttp.ClientConnectorError):
        return "cannot-connect"
    return "connection-cut"
