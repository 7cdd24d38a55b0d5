"""Requests to a token endpoint, and answers of endpoints that have none."""

import base64
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace

import pytest

from agents.engine.access.token_endpoint import ClientCredentials
from agents.engine.access.tokens import TokenError
from tests.kafka_security.token_server import CLIENT_ID, CLIENT_SECRET, TokenServer


@pytest.fixture(scope="module")
def server() -> Iterator[TokenServer]:
    """Token endpoint of this module."""
    with closing(TokenServer()) as server:
        yield server


@pytest.fixture
def client(server: TokenServer) -> ClientCredentials:
    """Return a client of the endpoint, which answers well again."""
    server.reset()
    return ClientCredentials(
        url=server.url, client_id=CLIENT_ID, client_secret=CLIENT_SECRET, scope="a b"
    )


def test_client_and_secret_are_encoded_before_they_are_joined(
    server: TokenServer, client: ClientCredentials
) -> None:
    """A secret may hold a colon or a slash (RFC 6749, section 2.3.1)."""
    token = client.fetch(1000.0)

    assert token.expires_at_s == 1000.0 + server.lifetime_s
    [request] = server.requests
    encoded = request["authorization"].removeprefix("Basic ")
    assert base64.b64decode(encoded).decode() == f"{CLIENT_ID}:c1ient-5ecret%2F%2B"
    assert request["scope"] == "a b"
    assert request["grant_type"] == "client_credentials"


@pytest.mark.parametrize(
    ("status", "url", "line"),
    [
        pytest.param(401, "", "client_secret: {} refuses the client (401 ", id="401"),
        pytest.param(400, "", "client_secret: {} refuses the client (400 ", id="400"),
        pytest.param(503, "", "token_url: {} answers 503 invalid_client; ", id="503"),
        pytest.param(
            200, "http://127.0.0.1:9/", "token_url: no answer from {} (", id="closed"
        ),
        pytest.param(
            200, "http://nowhere.invalid/", "token_url: no answer from {} (", id="name"
        ),
    ],
)
def test_an_endpoint_without_a_token_is_a_line_with_the_fix(
    status: int, url: str, line: str, server: TokenServer, client: ClientCredentials
) -> None:
    """The line shows no secret."""
    server.status = status
    asked = replace(client, url=url or server.url)

    with pytest.raises(TokenError) as caught:
        asked.fetch(0.0)

    [problem] = caught.value.problems
    assert problem.startswith(f"kafka_oauth_{line.format(asked.url)}")
    assert "check " in problem
    assert CLIENT_SECRET not in problem
    assert CLIENT_SECRET not in repr(client)
