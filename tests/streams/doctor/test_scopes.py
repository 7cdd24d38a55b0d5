"""Scopes that a destination needs: those of its actions, and no others."""

from datetime import date
from typing import Any

import pytest

from streams.actions.registry import ACTIONS
from streams.destination.loader import compile_destination
from streams.doctor.findings import Status
from streams.doctor.klaviyo import KlaviyoFacts, Probe, check_klaviyo
from streams.doctor.scopes import ENDPOINTS_BY_ACTION, needed_endpoints
from streams.klaviyo.api.results import Accepted

NO_AUDIENCES = {"sync_audiences": False}


def _scopes(file: dict[str, Any]) -> set[str]:
    destination = compile_destination(file)
    return {scope for one in needed_endpoints(destination) for scope in one.scopes}


@pytest.mark.parametrize(
    ("actions", "scopes"),
    [
        pytest.param(["trackEvent"], {"events:write"}, id="events"),
        pytest.param(
            ["upsertProfile"], {"profiles:read", "profiles:write"}, id="profiles"
        ),
        pytest.param(
            ["addProfileToList"],
            {"lists:read", "lists:write", "profiles:read", "profiles:write"},
            id="lists",
        ),
        pytest.param(
            ["subscribeProfile"],
            {"lists:write", "profiles:write", "subscriptions:write"},
            id="consent",
        ),
        pytest.param(["deleteProfile"], {"data-privacy:write"}, id="deletion"),
    ],
)
def test_scopes_are_those_of_the_actions(actions: list[str], scopes: set[str]) -> None:
    """A file that asks for no consent needs no scope for consent."""
    mappings = [{"action": action} for action in actions]

    assert _scopes({"settings": NO_AUDIENCES, "mappings": mappings}) == scopes


def test_every_action_has_its_endpoints() -> None:
    """An action that is added later takes its place in the table."""
    assert ENDPOINTS_BY_ACTION.keys() == ACTIONS.keys()


@pytest.mark.parametrize(
    ("settings", "scopes"),
    [
        pytest.param({}, {"lists:write"}, id="audiences-are-lists"),
        pytest.param(
            NO_AUDIENCES | {"unknown_metric": "dead-letter"},
            {"metrics:read"},
            id="known-metrics-alone",
        ),
    ],
)
def test_settings_need_scopes_too(settings: dict[str, Any], scopes: set[str]) -> None:
    """Beside those of the mappings."""
    mappings = [{"action": "trackEvent"}]
    plain = _scopes({"settings": NO_AUDIENCES, "mappings": mappings})

    assert scopes <= _scopes({"settings": settings, "mappings": mappings}) - plain


def test_a_deletion_is_never_tried() -> None:
    """The check is skipped, and says where to look."""
    account = Probe(scopes=frozenset({"accounts:read"}), result=Accepted(status=200))
    facts = KlaviyoFacts(account=account, untried=(frozenset({"data-privacy:write"}),))

    findings = check_klaviyo(facts, metrics=(), today=date(2026, 11, 28))

    [skipped] = [one for one in findings if "data-privacy" in one.check]
    assert skipped.status is Status.SKIPPED
    assert "in Klaviyo" in skipped.detail
