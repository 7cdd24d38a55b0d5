"""Tokens: shared, renewed before their end, and fetched anew after a refusal."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field

import pytest
from aiokafka.conn import OAuthAuthenticator
from aiokafka.errors import KafkaConnectionError, SaslAuthenticationFailed

from agents.engine.access.aiokafka_tokens import AiokafkaTokens, patch_token_check
from agents.engine.access.msk import MskLogin
from agents.engine.access.tokens import Token, TokenError, TokenSource

LIFE_S = 100.0


@dataclass(eq=False)
class FakeLogin:
    """Endpoint whose tokens are numbered; it fails while `is_away`."""

    is_away: bool = False
    texts: list[str] = field(default_factory=list)

    @property
    def extensions(self) -> Mapping[str, str]:
        return {"logicalCluster": "lkc-1"}

    def fetch(self, now_s: float) -> Token:
        if self.is_away:
            raise TokenError(["kafka_oauth_token_url: no answer"])
        self.texts.append(f"token-{len(self.texts)}")
        return Token(self.texts[-1], now_s + LIFE_S)


class Clock:
    """Clock that a test sets."""

    now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.mark.parametrize(
    ("age_s", "is_away", "expected"),
    [
        pytest.param(0, False, "token-0", id="new"),
        pytest.param(79, False, "token-0", id="before-renewal"),
        pytest.param(80, False, "token-1", id="renewed-before-its-end"),
        pytest.param(99, True, "token-0", id="not-renewed-but-good"),
        pytest.param(100, True, None, id="not-renewed-and-over"),
        pytest.param(500, False, "token-1", id="long-over"),
    ],
)
def test_a_token_is_used_and_renewed(
    age_s: float, is_away: bool, expected: str | None
) -> None:
    """A renewal that fails matters only once the token is over."""
    login, clock = FakeLogin(), Clock()
    source = TokenSource(login, now_s=clock)
    source.token()
    clock.now_s += age_s
    login.is_away = is_away

    if expected is None:
        with pytest.raises(TokenError, match="no answer"):
            source.token()
    else:
        assert source.token().text == expected


def test_a_failed_renewal_is_tried_again_at_the_next_call() -> None:
    """The endpoint may be back."""
    login, clock = FakeLogin(), Clock()
    source = TokenSource(login, now_s=clock)
    source.token()
    clock.now_s += 90
    login.is_away = True
    source.token()
    login.is_away = False

    assert source.token().text == "token-1"


async def _log_in(source: TokenSource, answer: bytes) -> object:
    patch_token_check()
    client = OAuthAuthenticator(sasl_oauth_token_provider=AiokafkaTokens(source))
    first, _ = await client.step(None)
    assert first.startswith(b"n,,\x01auth=Bearer token-0\x01logicalCluster=lkc-1\x01")
    return await client.step(answer)


def test_aiokafka_takes_no_refusal_for_a_success() -> None:
    """The broker's status is the error, and the next token is a new one."""
    source = TokenSource(FakeLogin(), now_s=Clock())

    with pytest.raises(SaslAuthenticationFailed, match="invalid_token"):
        asyncio.run(_log_in(source, b'{"status":"invalid_token"}'))

    assert source.token().text == "token-1"
    assert asyncio.run(_log_in(TokenSource(FakeLogin()), b"")) is None


def test_a_missing_token_is_an_error_that_aiokafka_retries() -> None:
    """Aiokafka catches its own errors only."""
    tokens = AiokafkaTokens(TokenSource(FakeLogin(is_away=True)))

    with pytest.raises(KafkaConnectionError, match="kafka_oauth_token_url: no answer"):
        asyncio.run(tokens.token())


def test_a_token_for_msk_is_signed_without_a_request(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The signer needs nothing but credentials."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "5ecret-of-a-test")

    token = MskLogin("eu-west-1").fetch(0.0)

    assert token.text.isascii()
    assert token.expires_at_s > 0
    assert "5ecret" not in token.text


def test_a_token_for_msk_needs_credentials(
    monkeypatch: pytest.MonkeyPatch, tmp_path: object
) -> None:
    """The line names the fix."""
    for variable in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", f"{tmp_path}/none")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", f"{tmp_path}/none")

    with pytest.raises(TokenError, match=r"no AWS credentials .*; give this process"):
        MskLogin("eu-west-1").fetch(0.0)
