"""Turn a raw request into a response: faults, key, revision, quota, body, handler.

The order is Klaviyo's: a request that is rejected early costs no quota, and the body
of a throttled request is not read. Nothing here waits or touches a socket.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

import orjson

from streams.sandbox.account.account import Account
from streams.sandbox.account.faults import Fault, FaultKind
from streams.sandbox.config import SandboxConfig
from streams.sandbox.jsonapi.errors import (
    ErrorResponse,
    JsonApiError,
    bad_request,
    missing_scopes,
    retired_revision,
    throttled,
    too_large,
    unauthorized,
)
from streams.sandbox.jsonapi.messages import HandlerResponse, ParsedRequest
from streams.sandbox.operations import ApiOperation, smaller_quotas
from streams.sandbox.server.handlers import HANDLERS

JSON_API = "application/vnd.api+json"
"""Media type of the API's requests and responses."""

_CHALLENGE_PAGE = b"""<!DOCTYPE html><html><head><title>Just a moment...</title></head>
<body><noscript>Enable JavaScript and cookies to continue</noscript></body></html>"""

_AUTHORIZATION = re.compile(r"Klaviyo-API-Key\s+(\S+)").fullmatch
_REVISION = re.compile(r"\d{4}-\d{2}-\d{2}(\.pre)?").fullmatch


@dataclass(frozen=True, slots=True, kw_only=True)
class RawRequest:
    """HTTP request as read from the socket.

    Attributes:
        operation: Operation that the method and path belong to.
        path_id: Id in the path; empty if the path has none.
        path: Path as sent.
        base_url: Scheme and host the caller used.
        query: Query parameters, percent-decoded.
        headers: Headers, looked up without regard to case.
        body: Raw body.
        now_s: Time at which the request was read.
        fault: Fault to apply to the response, if any.
    """

    operation: ApiOperation
    path_id: str
    path: str
    base_url: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    now_s: float
    fault: Fault | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RawResponse:
    """HTTP response ready for the socket."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    content_type: str = JSON_API
    items: int = 0


def handle(account: Account, request: RawRequest) -> RawResponse:
    """Answer a request of the API."""
    if request.fault and request.fault.kind is FaultKind.CHALLENGE:
        return RawResponse(
            status=403,
            body=_CHALLENGE_PAGE,
            headers={"cf-mitigated": "challenge"},
            content_type="text/html",
        )
    rate_limit_headers: dict[str, str] = {}
    try:
        _raise_fault(request)
        _authorize(account.config, request)
        _check_revision(account.config, request.headers)
        rate_limit_headers.update(
            account.rate_limits.admit(_quota_operation(request), now_s=request.now_s)
        )
        response = HANDLERS[request.operation.name](account, _parse(request))
    except ErrorResponse as error:
        return error_response(error, headers=rate_limit_headers)
    return _to_raw(response, headers=rate_limit_headers)


def error_response(error: ErrorResponse, *, headers: Mapping[str, str]) -> RawResponse:
    """Write an error response; the error's own headers take precedence."""
    return RawResponse(
        status=error.status,
        body=orjson.dumps(error.as_json()),
        headers={**headers, **error.headers},
    )


def _to_raw(response: HandlerResponse, *, headers: Mapping[str, str]) -> RawResponse:
    return RawResponse(
        status=response.status,
        body=b"" if response.body is None else orjson.dumps(response.body),
        headers={**headers, **response.headers},
        items=response.items,
    )


def _raise_fault(request: RawRequest) -> None:
    fault = request.fault
    if fault is None:
        return
    if fault.kind is FaultKind.THROTTLED:
        raise throttled(wait_s=fault.retry_after_s)
    if fault.kind is FaultKind.UNAUTHORIZED:
        raise unauthorized("Incorrect authentication credentials.")
    if fault.kind is FaultKind.FORBIDDEN:
        raise missing_scopes(sorted(request.operation.scopes))
    if fault.kind is FaultKind.SERVER_ERROR:
        raise ErrorResponse(
            [
                JsonApiError(
                    status=fault.status,
                    code="error",
                    title="A server error occurred.",
                    detail="An error occurred while processing your request.",
                )
            ]
        )


def _authorize(config: SandboxConfig, request: RawRequest) -> None:
    match = _AUTHORIZATION(request.headers.get("Authorization", ""))
    if match is None:
        raise unauthorized("Missing or invalid private key.")
    if config.keys is None:
        return
    scopes = config.keys.get(match[1])
    if scopes is None:
        raise unauthorized("Incorrect authentication credentials.")
    missing = request.operation.scopes - scopes
    if missing and "*" not in scopes:
        raise missing_scopes(sorted(missing))


def _check_revision(config: SandboxConfig, headers: Mapping[str, str]) -> None:
    revision = headers.get("revision")
    if not revision:
        raise bad_request("Header 'revision' is required.", parameter="revision")
    if not _REVISION(revision):
        raise bad_request(
            f"'{revision}' is not a valid revision.", parameter="revision"
        )
    if revision < config.oldest_revision:
        raise retired_revision(revision)


def _quota_operation(request: RawRequest) -> ApiOperation:
    for parameter, value, slower_operation in smaller_quotas(request.operation):
        if value in request.query.get(parameter, "").split(","):
            return slower_operation
    return request.operation


def _parse(request: RawRequest) -> ParsedRequest:
    limit = request.operation.body_max_bytes
    if len(request.body) > limit:
        raise too_large(f"The payload is limited to {limit} bytes.")
    return ParsedRequest(
        path_id=request.path_id,
        query=request.query,
        body=_parse_body(request.body),
        base_url=request.base_url,
        path=request.path,
        now_s=request.now_s,
    )


def _parse_body(raw: bytes) -> object:
    if not raw:
        return None
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError:
        raise bad_request("The payload is not valid JSON.", pointer="/") from None
