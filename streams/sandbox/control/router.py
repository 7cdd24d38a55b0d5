"""Table of the pages under `/sandbox/`."""

from collections.abc import Mapping

from streams.sandbox.account.account import Account
from streams.sandbox.control import inspection, seeding
from streams.sandbox.control.inspection import ControlHandler, ControlRequest
from streams.sandbox.jsonapi.errors import ErrorResponse, not_found
from streams.sandbox.jsonapi.messages import JsonObject

CONTROL_HANDLERS: Mapping[tuple[str, str], ControlHandler] = {
    ("GET", "state"): inspection.show_state,
    ("GET", "lists"): inspection.show_lists,
    ("GET", "profiles"): inspection.show_profiles,
    ("GET", "events"): inspection.show_events,
    ("GET", "consent"): inspection.show_consent,
    ("GET", "requests"): inspection.show_requests,
    ("GET", "changes"): inspection.show_changes,
    ("GET", "faults"): inspection.show_faults,
    ("POST", "faults"): inspection.add_fault,
    ("DELETE", "faults"): inspection.remove_faults,
    ("GET", "switches"): inspection.show_switches,
    ("POST", "switches"): inspection.set_switches,
    ("POST", "reset"): inspection.reset_account,
    ("DELETE", "lists"): inspection.delete_list,
    ("POST", "profiles"): seeding.seed_profiles,
    ("POST", "lists"): seeding.seed_lists,
    ("POST", "consent"): seeding.seed_consent,
    ("POST", "confirm"): seeding.confirm,
    ("POST", "metrics"): seeding.seed_metrics,
    ("POST", "flows"): seeding.seed_flows,
}
"""Handler of each page, by method and topic."""


def handle_control(
    account: Account, request: ControlRequest, method: str, topic: str
) -> JsonObject | list[JsonObject]:
    """Answer a request under `/sandbox/`.

    Raises:
        ErrorResponse: 404 for an unknown page, or the error of the handler.
    """
    handler = CONTROL_HANDLERS.get((method, topic))
    if handler is None:
        raise ErrorResponse([not_found("question", f"{method} /sandbox/{topic}")])
    return handler(account, request)
