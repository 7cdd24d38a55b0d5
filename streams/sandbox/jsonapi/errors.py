"""Errors of the API in Klaviyo's JSON:API format.

Handlers raise `ErrorResponse` where the problem is detected, and
`streams.sandbox.server.pipeline` turns the exception into a response. A handler
therefore reads as its success path.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4


@dataclass(frozen=True, slots=True, kw_only=True)
class JsonApiError:
    """Entry of `errors` in an error response.

    Attributes:
        status: HTTP status of the response that contains the error.
        code: Klaviyo's stable name, for example `duplicate_profile`.
        title: Klaviyo's one-line title.
        detail: Explanation for a reader.
        pointer: JSON pointer into the request body; empty if not about the body.
        parameter: Name of the wrong query or path parameter; empty if none.
        meta: Machine-readable extras, for example `duplicate_profile_id`.
    """

    status: int
    code: str
    title: str
    detail: str
    pointer: str = ""
    parameter: str = ""
    meta: Mapping[str, object] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """Return the JSON:API error object, with a new id."""
        if self.parameter:
            source = {"parameter": self.parameter}
        else:
            source = {"pointer": self.pointer or "/data"}
        return {
            "id": str(uuid4()),
            "status": self.status,
            "code": self.code,
            "title": self.title,
            "detail": self.detail,
            "source": source,
            "links": {},
            "meta": dict(self.meta),
        }


class ErrorResponse(Exception):
    """Response with at least an error, raised by a handler.

    Args:
        errors: At least one error; the first gives the HTTP status.
        headers: Extra headers of the response.
    """

    def __init__(
        self,
        errors: Sequence[JsonApiError],
        *,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(errors[0].code)
        self.errors = tuple(errors)
        self.status = errors[0].status
        self.headers = dict(headers or {})

    def as_json(self) -> dict[str, Any]:
        """Return the JSON:API error document."""
        return {"errors": [error.as_json() for error in self.errors]}


def invalid_input(
    detail: str, *, pointer: str = "", parameter: str = ""
) -> JsonApiError:
    """Return a 400 error about a member of the body or a parameter."""
    return JsonApiError(
        status=400,
        code="invalid",
        title="Invalid input.",
        detail=detail,
        pointer=pointer,
        parameter=parameter,
    )


def bad_request(
    detail: str, *, pointer: str = "", parameter: str = ""
) -> ErrorResponse:
    """Return a response with a single `invalid` error."""
    return ErrorResponse([invalid_input(detail, pointer=pointer, parameter=parameter)])


def not_found(
    kind: str, name: str, *, pointer: str = "", parameter: str = ""
) -> JsonApiError:
    """Return a 404 error about a resource that the account does not contain."""
    return JsonApiError(
        status=404,
        code="not_found",
        title="Not found.",
        detail=f"A {kind} with id {name} does not exist.",
        pointer=pointer,
        parameter=parameter,
    )


def duplicate_profile(
    profile_id: str, *, pointer: str = "/data/attributes"
) -> JsonApiError:
    """Return a 409 error: an identifier already belongs to `profile_id`, if any."""
    return JsonApiError(
        status=409,
        code="duplicate_profile",
        title="Conflict.",
        detail="A profile already exists with one of these identifiers.",
        pointer=pointer,
        meta={"duplicate_profile_id": profile_id} if profile_id else {},
    )


def unauthorized(detail: str) -> ErrorResponse:
    """Return a 401 response: the key is missing or unknown to the account."""
    return ErrorResponse(
        [
            JsonApiError(
                status=401,
                code="not_authenticated",
                title="Authentication credentials were not provided.",
                detail=detail,
                pointer="/data/",
            )
        ]
    )


def missing_scopes(scopes: Sequence[str]) -> ErrorResponse:
    """Return a 403 response in JSON:API format: the key lacks scopes."""
    return ErrorResponse(
        [
            JsonApiError(
                status=403,
                code="permission_denied",
                title="You do not have permission to perform this action.",
                detail="The API key is missing the required scopes: "
                + ", ".join(scopes),
                pointer="/data/",
            )
        ]
    )


def too_large(detail: str, *, pointer: str = "/data") -> ErrorResponse:
    """Return a 413 response: the body is over the operation's limit."""
    return ErrorResponse(
        [
            JsonApiError(
                status=413,
                code="payload_too_large",
                title="Payload too large.",
                detail=detail,
                pointer=pointer,
            )
        ]
    )


def throttled(*, wait_s: float) -> ErrorResponse:
    """Return a 429 response; `Retry-After` is `wait_s` rounded up to whole seconds."""
    seconds = math.ceil(wait_s)
    error = JsonApiError(
        status=429,
        code="throttled",
        title="Request was throttled.",
        detail=f"Expected available in {seconds} second{'s' * (seconds != 1)}.",
        pointer="/data/",
    )
    return ErrorResponse([error], headers={"Retry-After": str(seconds)})


def retired_revision(revision: str) -> ErrorResponse:
    """Return a 410 response: the `revision` header names a retired revision."""
    return ErrorResponse(
        [
            JsonApiError(
                status=410,
                code="revision_retired",
                title="Gone.",
                detail=f"Revision {revision} is retired.",
                parameter="revision",
            )
        ]
    )
