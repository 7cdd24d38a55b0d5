"""Front of a schema registry: forwards requests, and can be away, refuse, or count.

To a client it is the registry itself. It also serves GUIDs, which Apicurio does not.
"""

import base64
import threading
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

GUID_PATH = "/schemas/guids/"
_ID_PATH = "/schemas/ids/"
_UNKNOWN = (404, b'{"error_code":40403,"message":"not found"}')
"""Answer of a registry for an id that it does not have."""


class RegistryFront:
    """HTTP server in front of a registry; it keeps its port while it is stopped.

    Args:
        target_url: Address of the registry.

    Attributes:
        url: Address of the front.
        paths: Paths that were asked for.
        ids_by_guid: GUID to the id under which the registry has the schema.
        late_ids: Ids that it does not know yet, as a registry behind its replication.
        credentials: User name and password that it demands; empty demands none.
        token: Bearer token that it demands; empty demands none.
    """

    def __init__(self, target_url: str) -> None:
        self.paths: list[str] = []
        self.ids_by_guid: dict[str, int] = {}
        self.late_ids: set[int] = set()
        self.credentials = ""
        self.token = ""
        self._target_url = target_url
        self._server: ThreadingHTTPServer | None = None
        self._port = 0
        self.start()

    @property
    def url(self) -> str:
        """Address of the front, whether it is up or not."""
        return f"http://127.0.0.1:{self._port}"

    def start(self) -> None:
        """Begin to serve requests."""
        front = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                status, body = front.answer(
                    self.path, self.headers.get("Authorization", "")
                )
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Print nothing at all."""

        server = ThreadingHTTPServer(("127.0.0.1", self._port), Handler)
        self._port, self._server = server.server_port, server
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()

    def stop(self) -> None:
        """Refuse connections, as a registry that was killed does."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def close(self) -> None:
        """Stop the server for good."""
        self.stop()

    def answer(self, path: str, authorization: str) -> tuple[int, bytes]:
        """Return status and body for a request."""
        self.paths.append(path)
        if not self._is_allowed(authorization):
            return 401, b'{"error_code":401,"message":"unauthorized"}'
        if path.startswith(GUID_PATH):
            guid = path.removeprefix(GUID_PATH).partition("?")[0]
            if guid not in self.ids_by_guid:
                return _UNKNOWN
            path = f"/schemas/ids/{self.ids_by_guid[guid]}"
        number = path.removeprefix(_ID_PATH).partition("?")[0]
        if number.isdecimal() and int(number) in self.late_ids:
            return _UNKNOWN
        return self._forward(path)

    def _is_allowed(self, authorization: str) -> bool:
        if self.token:
            return authorization == f"Bearer {self.token}"
        encoded = base64.b64encode(self.credentials.encode()).decode()
        return not self.credentials or authorization == f"Basic {encoded}"

    def _forward(self, path: str) -> tuple[int, bytes]:
        try:
            with urllib.request.urlopen(self._target_url + path, timeout=10) as answer:  # noqa: S310 - our own server
                return int(answer.status), bytes(answer.read())
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read()
