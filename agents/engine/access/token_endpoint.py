"""Token endpoint of OAuth: tokens for client credentials (RFC 6749, section 4.4)."""

import base64
import http.client
import ssl
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import quote_plus, urlencode

import msgspec

from agents.engine.access.tokens import Token, TokenError

TIMEOUT_S: Final = 4.0
"""Ours: a command that finds no endpoint ends within 10 s."""

ASSUMED_LIFE_S: Final = 300.0
"""Ours: life of a token whose answer does not name it, as RFC 6749 allows."""

_CREDENTIALS_REFUSED = (400, 401, 403)
_MAX_ANSWER_BYTES = 1_000_000


class _Answer(msgspec.Struct):
    """Answer of a token endpoint (RFC 6749, section 5.1), as far as it is used."""

    access_token: str
    expires_in: float = ASSUMED_LIFE_S


class _Refusal(msgspec.Struct):
    error: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientCredentials:
    """Client of a token endpoint; `repr` hides the secret.

    Attributes:
        url: Address of the endpoint.
        client_id: The client.
        client_secret: Secret of the client.
        scope: Scopes, separated by spaces; empty for the client's own.
        extension_items: Names and values of SASL extensions.
        cafile: Path of CA certificates; empty for the system's.
    """

    url: str
    client_id: str
    client_secret: str = field(repr=False)
    scope: str = ""
    extension_items: tuple[tuple[str, str], ...] = ()
    cafile: str = ""

    @property
    def extensions(self) -> Mapping[str, str]:
        """SASL extensions that go with each token."""
        return dict(self.extension_items)

    def fetch(self, now_s: float) -> Token:
        """Fetch a new token; blocks for up to `TIMEOUT_S`.

        Raises:
            TokenError: The endpoint does not answer, or refuses the client.
        """
        try:
            answer = msgspec.json.decode(self._ask(), type=_Answer)
        except msgspec.MsgspecError:
            problem = f"{self.url} sends no access_token; check this address"
            raise TokenError([f"kafka_oauth_token_url: {problem}"]) from None
        return Token(answer.access_token, now_s + answer.expires_in)

    def _ask(self) -> bytes:
        try:
            with urllib.request.urlopen(  # noqa: S310 - the settings allow http and https only
                self._request(), timeout=TIMEOUT_S, context=self._tls()
            ) as response:
                return bytes(response.read(_MAX_ANSWER_BYTES))
        except urllib.error.HTTPError as refusal:
            raise self._refusal(refusal) from None
        except (OSError, http.client.HTTPException) as fault:
            reason = getattr(fault, "reason", fault)
            text = getattr(reason, "strerror", None) or type(reason).__name__
            problem = f"no answer from {self.url} ({text})"
            fix = "check this setting, and that the endpoint is up"
            raise TokenError([f"kafka_oauth_token_url: {problem}; {fix}"]) from None

    def _request(self) -> urllib.request.Request:
        form = {"grant_type": "client_credentials"}
        if self.scope:
            form["scope"] = self.scope
        # Encoded before they are joined: RFC 6749, section 2.3.1.
        credentials = f"{quote_plus(self.client_id)}:{quote_plus(self.client_secret)}"
        encoded = base64.b64encode(credentials.encode()).decode()
        return urllib.request.Request(  # noqa: S310 - the settings allow http and https only
            self.url,
            urlencode(form).encode(),
            {
                "Authorization": f"Basic {encoded}",
                "Accept": "application/json",
            },
        )

    def _tls(self) -> ssl.SSLContext | None:
        if not self.url.startswith("https:"):
            return None
        return ssl.create_default_context(cafile=self.cafile or None)

    def _refusal(self, refusal: urllib.error.HTTPError) -> TokenError:
        with refusal:
            content = refusal.read(_MAX_ANSWER_BYTES)
        try:
            code = msgspec.json.decode(content, type=_Refusal).error
        except msgspec.MsgspecError:
            code = ""
        answer = f"{refusal.code} {code}".strip()
        if refusal.code in _CREDENTIALS_REFUSED:
            fix = "check kafka_oauth_client_id, kafka_oauth_scope and this secret"
            problem = f"{self.url} refuses the client ({answer}); {fix}"
            return TokenError([f"kafka_oauth_client_secret: {problem}"])
        problem = f"{self.url} answers {answer}; check this address"
        return TokenError([f"kafka_oauth_token_url: {problem}"])
