"""From a raw request to an answer: faults, key, revision, quota, body, handler.

The order is Klaviyo's: what is refused early costs no quota, what is throttled is not
read. Nothing here waits or touches a socket.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

import orjson

from streams.sandbox.calls import Answer, Call
from streams.sandbox.config import SandboxConfig
from streams.sandbox.errors import (
    ApiError,
    Refusal,
    missing_scopes,
    refuse,
    retired_revision,
    throttled,
    too_large,
    unauthorized,
)
from streams.sandbox.faults import Fault, FaultKind
from streams.sandbox.operations import Operation, slow_families
from streams.sandbox.routes.table import HANDLERS
from streams.sandbox.world import World

JSON_API = "application/vnd.api+json"
"""Media type of the API."""

_CHALLENGE = b"""<!DOCTYPE html><html><head><title>Just a moment...</title></head>
<body><noscript>Enable JavaScript and cookies to continue</noscript></body></html>"""

_AUTHORIZATION = re.compile(r"Klaviyo-API-Key\s+(\S+)").fullmatch
_REVISION = re.compile(r"\d{4}-\d{2}-\d{2}(\.pre)?").fullmatch


@dataclass(frozen=True, slots=True, kw_only=True)
class Incoming:
    """A request as the socket gave it.

    Attributes:
        operation: What its method and path name.
        path_id: The id in the path; empty when there is none.
        path: Path as sent.
        base_url: Scheme and host the caller used.
        query: Query parameters, percent-decoded.
        headers: Headers, found whatever their case.
        body: The raw body.
        now_s: When it was read.
        fault: What strikes its answer, if anything does.
    """

    operation: Operation
    path_id: str
    path: str
    base_url: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    now_s: float
    fault: Fault | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """An answer ready for the socket."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    content_type: str = JSON_API
    items: int = 0


def reply(world: World, incoming: Incoming) -> Reply:
    """Answer one request."""
    if incoming.fault and incoming.fault.kind is FaultKind.CHALLENGE:
        return Reply(
            status=403,
            body=_CHALLENGE,
            headers={"cf-mitigated": "challenge"},
            content_type="text/html",
        )
    limits: dict[str, str] = {}
    try:
        _strike(incoming)
        _authorize(world.config, incoming)
        _check_revision(world.config, incoming.headers)
        limits.update(world.quotas.admit(_family(incoming), now_s=incoming.now_s))
        answer = HANDLERS[incoming.operation.name](world, _call(incoming))
    except Refusal as refusal:
        return refused(refusal, headers=limits)
    return _written(answer, headers=limits)


def refused(refusal: Refusal, *, headers: Mapping[str, str]) -> Reply:
    """Write a refusal; its own headers come on top."""
    return Reply(
        status=refusal.status,
        body=orjson.dumps(refusal.as_json()),
        headers={**headers, **refusal.headers},
    )


def _written(answer: Answer, *, headers: Mapping[str, str]) -> Reply:
    return Reply(
        status=answer.status,
        body=b"" if answer.body is None else orjson.dumps(answer.body),
        headers={**headers, **answer.headers},
        items=answer.items,
    )


def _strike(incoming: Incoming) -> None:
    fault = incoming.fault
    if fault is None:
        return
    if fault.kind is FaultKind.THROTTLED:
        raise throttled(wait_s=fault.retry_after_s)
    if fault.kind is FaultKind.UNAUTHORIZED:
        raise unauthorized("Incorrect authentication credentials.")
    if fault.kind is FaultKind.FORBIDDEN:
        raise missing_scopes(sorted(incoming.operation.scopes))
    if fault.kind is FaultKind.SERVER_ERROR:
        raise Refusal(
            [
                ApiError(
                    status=fault.status,
                    code="error",
                    title="A server error occurred.",
                    detail="An error occurred while processing your request.",
                )
            ]
        )


def _authorize(config: SandboxConfig, incoming: Incoming) -> None:
    found = _AUTHORIZATION(incoming.headers.get("Authorization", ""))
    if found is None:
        raise unauthorized("Missing or invalid private key.")
    if config.keys is None:
        return
    scopes = config.keys.get(found[1])
    if scopes is None:
        raise unauthorized("Incorrect authentication credentials.")
    missing = incoming.operation.scopes - scopes
    if missing and "*" not in scopes:
        raise missing_scopes(sorted(missing))


def _check_revision(config: SandboxConfig, headers: Mapping[str, str]) -> None:
    revision = headers.get("revision")
    if not revision:
        raise refuse("Header 'revision' is required.", parameter="revision")
    if not _REVISION(revision):
        raise refuse(f"'{revision}' is no revision.", parameter="revision")
    if revision < config.oldest_revision:
        raise retired_revision(revision)


def _family(incoming: Incoming) -> Operation:
    for parameter, value, slower in slow_families(incoming.operation):
        if value in incoming.query.get(parameter, "").split(","):
            return slower
    return incoming.operation


def _call(incoming: Incoming) -> Call:
    limit = incoming.operation.body_max_bytes
    if len(incoming.body) > limit:
        raise too_large(f"The payload is limited to {limit} bytes.")
    return Call(
        path_id=incoming.path_id,
        query=incoming.query,
        body=_body(incoming.body),
        base_url=incoming.base_url,
        path=incoming.path,
        now_s=incoming.now_s,
    )


def _body(raw: bytes) -> object:
    if not raw:
        return None
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError:
        raise refuse("The payload is not valid JSON.", pointer="/") from None
