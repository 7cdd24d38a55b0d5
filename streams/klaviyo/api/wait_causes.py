"""Causes for which requests wait, with the fix for those that need an operator."""

from enum import StrEnum
from typing import Final

import msgspec

from streams.klaviyo.api.endpoints import API_REVISION, Endpoint
from streams.klaviyo.api.results import (
    AttemptResult,
    OperatorFault,
    Temporary,
    Throttled,
)


class WaitCause(StrEnum):
    """Cause for which requests wait; QUOTA and KLAVIYO_DOWN end by themselves."""

    QUOTA = "quota"
    KLAVIYO_DOWN = "klaviyo-down"
    KEY = "key"
    ACCOUNT = "account"
    SCOPE = "scope"
    REVISION = "revision"
    BLOCKED = "blocked"
    CONNECTION = "connection"
    REQUEST = "request"


class Wait(msgspec.Struct, frozen=True, kw_only=True):
    """Wait of a request, with its cause.

    Attributes:
        cause: The cause.
        endpoint: Klaviyo's operation id.
        reason: Code of the result in kebab case.
        fix: Fix for the operator; empty if the wait ends by itself.
    """

    cause: WaitCause
    endpoint: str
    reason: str
    fix: str = ""


_FIXES: Final = {
    WaitCause.KEY: "set KLAVIYO_API_KEY, or the file of klaviyo_api_key_file, to a"
    " valid private key, then restart the worker",
    WaitCause.ACCOUNT: "settle the account's bill with Klaviyo",
    WaitCause.REVISION: f"Klaviyo no longer serves revision {API_REVISION}: upgrade"
    " klaviyo-streams",
    WaitCause.BLOCKED: "have Klaviyo allow-list the worker's IP address, or set"
    " klaviyo_proxy or klaviyo_source_address to one that is not blocked",
    WaitCause.CONNECTION: "correct klaviyo_proxy, its credentials,"
    " klaviyo_source_address or klaviyo_ca_file",
    WaitCause.REQUEST: "check klaviyo_url: what answers there refuses the request",
}

_CONNECTION_REASONS: Final = frozenset(
    {
        "cannot-connect-to-proxy",
        "certificate-not-trusted",
        "proxy-refused",
        "proxy-unauthorized",
        "source-address-unknown",
    }
)

_CAUSES_BY_STATUS: Final = {
    401: WaitCause.KEY,
    402: WaitCause.ACCOUNT,
    403: WaitCause.SCOPE,
    410: WaitCause.REVISION,
}


def wait_of(endpoint: Endpoint, result: AttemptResult) -> Wait | None:
    """Return the wait that follows a result; None for a final result."""
    match result:
        case Throttled():
            cause, reason = WaitCause.QUOTA, "throttled"
        case Temporary(reason=reason) | OperatorFault(reason=reason):
            cause = _cause_of_failure(result)
        case _:
            return None
    return Wait(
        cause=cause,
        endpoint=endpoint.name,
        reason=reason.partition(":")[0],
        fix=_fix(cause, endpoint),
    )


def _cause_of_failure(result: Temporary | OperatorFault) -> WaitCause:
    if result.reason in _CONNECTION_REASONS:
        return WaitCause.CONNECTION
    if isinstance(result, Temporary):
        return WaitCause.BLOCKED if result.is_blocked else WaitCause.KLAVIYO_DOWN
    if result.reason == "revision-refused":
        return WaitCause.REVISION
    return _CAUSES_BY_STATUS.get(result.status, WaitCause.REQUEST)


def _fix(cause: WaitCause, endpoint: Endpoint) -> str:
    if cause is WaitCause.SCOPE:
        scopes = ", ".join(sorted(endpoint.scopes))
        return f"give the API key the scopes that {endpoint.name} needs: {scopes}"
    return _FIXES.get(cause, "")
