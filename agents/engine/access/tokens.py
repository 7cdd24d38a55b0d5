"""Tokens for the SASL mechanism OAUTHBEARER, shared by all clients of a process."""

import threading
import time
from collections.abc import Callable, Mapping
from functools import cache
from typing import NamedTuple, Protocol

import structlog

from streams.errors import ConfigError

log = structlog.get_logger(__name__)

RENEW_AFTER: float = 0.8
"""Part of a token's life after which the next one is fetched. librdkafka asks again at
the same part (`rdkafka_sasl_oauthbearer.c`)."""


class TokenError(ConfigError):
    """No token: the problem names the setting, the fault and the fix."""


class Token(NamedTuple):
    """Text of a token, and its end in seconds since the epoch."""

    text: str
    expires_at_s: float


class TokenLogin(Protocol):
    """Credentials that a token can be fetched with; hashable."""

    def __hash__(self) -> int: ...

    def fetch(self, now_s: float) -> Token:
        """Fetch a new token; blocks.

        Raises:
            TokenError: There is none now.
        """

    @property
    def extensions(self) -> Mapping[str, str]:
        """SASL extensions that go with each token."""


class TokenSource:
    """Token that is renewed before its end, for clients in any thread.

    Args:
        login: Fetches tokens.
        now_s: Clock, seconds since the epoch.
    """

    def __init__(
        self,
        login: TokenLogin,
        *,
        now_s: Callable[[], float] = time.time,  # noqa: TID251 - agents/ reads the clock
    ) -> None:
        self.extensions = login.extensions
        self._login = login
        self._now_s = now_s
        self._lock = threading.Lock()
        self._token: Token | None = None
        self._renew_at_s = 0.0

    def token(self) -> Token:
        """Return a token; blocks while a new one is fetched.

        A renewal that fails is tried again at the next call, and the current token is
        used to its end.

        Raises:
            TokenError: There is no token, and none can be fetched now.
        """
        with self._lock:
            now_s = self._now_s()
            if self._token is None or now_s >= self._renew_at_s:
                self._renew(now_s)
            assert self._token is not None  # noqa: S101 - _renew raises otherwise
            return self._token

    def forget(self) -> None:
        """Fetch a new token at the next call: a broker has refused this one."""
        with self._lock:
            self._token = None

    def _renew(self, now_s: float) -> None:
        try:
            token = self._login.fetch(now_s)
        except TokenError as fault:
            if self._token is None or now_s >= self._token.expires_at_s:
                raise
            log.warning("token_not_renewed", problem=str(fault))
            return
        self._token = token
        self._renew_at_s = now_s + RENEW_AFTER * (token.expires_at_s - now_s)


@cache
def token_source(login: TokenLogin) -> TokenSource:
    """Return the source that all clients with these credentials share."""
    return TokenSource(login)
