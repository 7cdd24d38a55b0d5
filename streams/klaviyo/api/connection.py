"""Connection to Klaviyo: proxy, source address, certificates, and network errors."""

import errno
import ipaddress
import ssl
from http import HTTPStatus
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp
import msgspec
from yarl import URL

from streams.errors import ConfigError
from streams.klaviyo.api.results import OperatorFault, Temporary
from streams.settings.model import PROXY_OF_ENVIRONMENT, Secret

_PROXY_LOGIN_STATUSES = frozenset(
    (HTTPStatus.UNAUTHORIZED, HTTPStatus.PROXY_AUTHENTICATION_REQUIRED)
)
"""Statuses of a proxy that refuses the credentials: 407, and 401 of tinyproxy."""

_NETWORK_REASONS = (
    (TimeoutError, "timeout"),
    (aiohttp.ClientProxyConnectionError, "cannot-connect-to-proxy"),
    (aiohttp.ClientConnectorCertificateError, "certificate-not-trusted"),
    (aiohttp.ClientConnectorError, "cannot-connect"),
)
"""Reason by the first type that an error has; the order is from special to general."""


class Connection(msgspec.Struct, frozen=True, kw_only=True):
    """Way to Klaviyo: proxy, source address and further certificates.

    Attributes:
        proxy: URL of an HTTP or HTTPS proxy without credentials; empty for none;
            `environment` for the one that HTTPS_PROXY and NO_PROXY name.
        proxy_credentials: `user:password` for the proxy; empty for none.
        source_address: IP address of this machine to connect from; empty for any.
        ca_file: PEM file of certificates that are trusted beside the system's.
    """

    proxy: str = ""
    proxy_credentials: Secret = Secret()
    source_address: str = ""
    ca_file: str = ""


DIRECT = Connection()
"""Connection without a proxy, from any address, with the system's certificates."""


def load_certificates(ca_file: str) -> ssl.SSLContext | bool:
    """Return the system's certificates and those of a file; True without a file.

    Raises:
        ConfigError: The file has no certificate.
    """
    if not ca_file:
        return True
    context = ssl.create_default_context()
    try:
        context.load_verify_locations(ca_file)
    except (OSError, ValueError):
        problem = "cannot be read as certificates; use a file in PEM format"
        raise ConfigError([f"klaviyo_ca_file: {problem}"]) from None
    return context


def find_proxy(connection: Connection, base_url: str) -> URL | None:
    """Return the URL of the proxy for this host, with the credentials."""
    if connection.proxy == PROXY_OF_ENVIRONMENT:
        proxy = _environment_proxy(base_url)
    else:
        proxy = connection.proxy
    if not proxy:
        return None
    user, _, password = connection.proxy_credentials.reveal().partition(":")
    return URL(proxy).with_user(user).with_password(password) if user else URL(proxy)


def _environment_proxy(base_url: str) -> str | None:
    """Return the URL of the proxy that the environment names for this host.

    `trust_env` of aiohttp would also read netrc and reject our Authorization header.
    """
    url_parts = urlsplit(base_url)
    if url_parts.hostname is None or _is_loopback(url_parts.hostname):
        return None
    if proxy_bypass(url_parts.hostname):
        return None
    proxy = getproxies().get(url_parts.scheme)
    return f"http://{proxy}" if proxy and "://" not in proxy else proxy


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def network_result(error: Exception) -> Temporary | OperatorFault:
    """Return the result of a network error, without the error's own text.

    aiohttp writes the proxy's URL, with user and password, into some texts.
    """
    if isinstance(error, aiohttp.ClientHttpProxyError):
        if error.status in _PROXY_LOGIN_STATUSES:
            return OperatorFault(status=error.status, reason="proxy-unauthorized")
        return Temporary(reason="proxy-refused")
    if getattr(error, "errno", None) == errno.EADDRNOTAVAIL:
        return Temporary(reason="source-address-unknown")
    return Temporary(
        reason=next(
            (reason for type_, reason in _NETWORK_REASONS if isinstance(error, type_)),
            "connection-cut",
        )
    )
