"""Token endpoint of OAuth for tests, and tokens that a broker can or cannot verify."""

import base64
import json
import time
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import parse_qs

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

CLIENT_ID = "streams"
CLIENT_SECRET = "c1ient-5ecret/+"  # noqa: S105 - of the test's endpoint
AUDIENCE, ISSUER = "kafka", "http://issuer.test"
KEY_ID = "k1"


class TokenServer:
    """Token endpoint that signs tokens, or answers as a test says.

    Attributes:
        requests: Form and Authorization header of each request.
        lifetime_s: Life of a token.
        claims: Claims that replace those of a good token.
        is_forged: Sign with a key that the broker does not know.
        status: Status of the answers; a status other than 200 has no token.
    """

    def __init__(self) -> None:
        self.requests: list[dict[str, str]] = []
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self._other_key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.reset()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        """Address of the endpoint."""
        return f"http://127.0.0.1:{self._server.server_port}/token"

    def reset(self) -> None:
        """Answer with good tokens again, and forget the requests."""
        self.requests.clear()
        self.lifetime_s = 300
        self.claims: dict[str, Any] = {}
        self.is_forged = False
        self.status = 200

    def close(self) -> None:
        """Stop the server and its thread."""
        self._server.shutdown()
        self._server.server_close()

    def write_keys(self, path: Path) -> None:
        """Write the keys for brokers, as a JSON Web Key Set."""
        numbers = self._key.public_key().public_numbers()
        key = {
            "kty": "RSA",
            "kid": KEY_ID,
            "use": "sig",
            "alg": "RS256",
            "n": _encode(numbers.n.to_bytes(256, "big")),
            "e": _encode(numbers.e.to_bytes(3, "big")),
        }
        path.write_text(json.dumps({"keys": [key]}))

    def token(self) -> str:
        """Return a token as the attributes say."""
        now_s = int(time.time())  # noqa: TID251 - the broker compares with its clock
        claims = {
            "sub": "oauth-user",
            "iat": now_s - 1,
            "exp": now_s + self.lifetime_s,
            "aud": AUDIENCE,
            "iss": ISSUER,
            **self.claims,
        }
        header = {"alg": "RS256", "typ": "JWT", "kid": KEY_ID}
        signed = f"{_encode_json(header)}.{_encode_json(claims)}"
        key = self._other_key if self.is_forged else self._key
        signature = key.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256())
        return f"{signed}.{_encode(signature)}"

    def answer(self, authorization: str, form: str) -> tuple[int, dict[str, Any]]:
        """Return status and body for a request."""
        fields = {name: values[0] for name, values in parse_qs(form).items()}
        self.requests.append(fields | {"authorization": authorization})
        if self.status != 200:
            return self.status, {"error": "invalid_client"}
        body = {
            "access_token": self.token(),
            "token_type": "Bearer",
            "expires_in": self.lifetime_s,
        }
        return 200, body

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        owner = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                form = self.rfile.read(int(self.headers["content-length"])).decode()
                authorization = self.headers.get("authorization", "")
                status, body = owner.answer(authorization, form)
                content = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: object) -> None:
                """Write no line for each request."""

        return Handler


def _encode(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def _encode_json(content: Mapping[str, Any]) -> str:
    return _encode(json.dumps(content).encode())
