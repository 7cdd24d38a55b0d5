"""What the sandbox refuses, in Klaviyo's JSON:API words.

A `Refusal` is raised where the fault is seen and turned into an answer in one place
(`streams.sandbox.pipeline`), so a handler reads as its happy path.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiError:
    """One entry of `errors`.

    Attributes:
        status: HTTP status of the answer it belongs to.
        code: Klaviyo's stable name, for example `duplicate_profile`.
        title: Klaviyo's one-line title.
        detail: What is wrong, in words.
        pointer: JSON pointer into the request body; empty when not about the body.
        parameter: Name of the faulty query or path parameter; empty when none.
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
        """Write the JSON:API error object, with an id of its own."""
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
    """The request is answered with errors.

    Args:
        errors: At least one; the first gives the HTTP status.
        headers: Extra headers of the answer.
    """

    def __init__(
        self, errors: Sequence[ApiError], *, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(errors[0].code)
        self.errors = tuple(errors)
        self.status = errors[0].status
        self.headers = dict(headers or {})

    def as_json(self) -> dict[str, Any]:
        """Write the JSON:API error document."""
        return {"errors": [error.as_json() for error in self.errors]}


def invalid_input(detail: str, *, pointer: str = "", parameter: str = "") -> ApiError:
    """A 400 about one member of the body or one parameter."""
    return ApiError(
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
    """A refusal of one `invalid` error."""
    return ErrorResponse([invalid_input(detail, pointer=pointer, parameter=parameter)])


def not_found(
    kind: str, name: str, *, pointer: str = "", parameter: str = ""
) -> ApiError:
    """A 404 about a resource the account does not hold."""
    return ApiError(
        status=404,
        code="not_found",
        title="Not found.",
        detail=f"A {kind} with id {name} does not exist.",
        pointer=pointer,
        parameter=parameter,
    )


def duplicate_profile(
    profile_id: str, *, pointer: str = "/data/attributes"
) -> ApiError:
    """A 409: an identifier already belongs to `profile_id`."""
    return ApiError(
        status=409,
        code="duplicate_profile",
        title="Conflict.",
        detail="A profile already exists with one of these identifiers.",
        pointer=pointer,
        meta={"duplicate_profile_id": profile_id},
    )


def unauthorized(detail: str) -> ErrorResponse:
    """A 401: no key, or one the account does not know."""
    return ErrorResponse(
        [
            ApiError(
                status=401,
                code="not_authenticated",
                title="Authentication credentials were not provided.",
                detail=detail,
                pointer="/data/",
            )
        ]
    )


def missing_scopes(scopes: Sequence[str]) -> ErrorResponse:
    """A 403 of the JSON:API kind: the key lacks scopes."""
    return ErrorResponse(
        [
            ApiError(
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
    """A 413: the body is over the operation's limit."""
    return ErrorResponse(
        [
            ApiError(
                status=413,
                code="payload_too_large",
                title="Payload too large.",
                detail=detail,
                pointer=pointer,
            )
        ]
    )


def throttled(*, wait_s: float) -> ErrorResponse:
    """A 429; `Retry-After` is `wait_s` rounded up to whole seconds."""
    seconds = math.ceil(wait_s)
    error = ApiError(
        status=429,
        code="throttled",
        title="Request was throttled.",
        detail=f"Expected available in {seconds} second{'s' * (seconds != 1)}.",
        pointer="/data/",
    )
    return ErrorResponse([error], headers={"Retry-After": str(seconds)})


def retired_revision(revision: str) -> ErrorResponse:
    """A 410: the `revision` header names a retired revision."""
    return ErrorResponse(
        [
            ApiError(
                status=410,
                code="revision_retired",
                title="Gone.",
                detail=f"Revision {revision} is retired.",
                parameter="revision",
            )
        ]
    )
