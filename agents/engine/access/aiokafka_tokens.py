"""Tokens for aiokafka, and its missing look at the broker's answer to them.

aiokafka (0.14.0) never reads that answer: a client whose token is refused counts as
logged in, and fails later with an error about topics.
"""

import asyncio
from typing import Any, Final

from aiokafka.abc import AbstractTokenProvider
from aiokafka.conn import OAuthAuthenticator
from aiokafka.errors import KafkaConnectionError, SaslAuthenticationFailed

from agents.engine.access.tokens import TokenError, TokenSource

_ORIGINAL_STEP: Final = OAuthAuthenticator.step


class AiokafkaTokens(AbstractTokenProvider):  # type: ignore[misc] # aiokafka has no types
    """Adapter from a token source to aiokafka."""

    def __init__(self, source: TokenSource) -> None:
        self._source = source

    async def token(self) -> str:
        """Return a token that is good now.

        Raises:
            KafkaConnectionError: There is none now; aiokafka tries again.
        """
        try:
            return (await asyncio.to_thread(self._source.token)).text
        except TokenError as fault:
            raise KafkaConnectionError(str(fault)) from None

    def extensions(self) -> dict[str, str]:
        """Return the SASL extensions that go with each token."""
        return dict(self._source.extensions)

    def forget(self) -> None:
        """Fetch a new token at the next call: a broker has refused this one."""
        self._source.forget()


def patch_token_check() -> None:
    """Make aiokafka raise an error for a token that the broker refuses."""
    OAuthAuthenticator.step = _step_or_raise


async def _step_or_raise(
    self: OAuthAuthenticator,
    payload: bytes | None,
) -> Any:  # noqa: ANN401 - aiokafka's own signature
    """Take the next step; the broker answers a good token with no bytes.

    It answers a refused one with a status in JSON (RFC 7628, section 3.2.2).
    """
    if payload:
        self._sasl_oauth_token_provider.forget()
        status = payload.decode(errors="replace")[:200]
        raise SaslAuthenticationFailed(f"the broker refuses the token: {status}")
    return await _ORIGINAL_STEP(self, payload)
