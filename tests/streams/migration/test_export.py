"""Exports of Segment: every shape is read, and nothing else."""

from typing import Any

import pytest

from streams.errors import ConfigError
from streams.migration.export import (
    AudienceExport,
    ClassicSettings,
    read_classic,
    read_exports,
)

SETTINGS = {
    "apiKey": "PUB",
    "privateKey": "pk_1",
    "listId": "Ab12",
    "enforceEmail": False,
}
CLASSIC = ClassicSettings(list_id="Ab12", enforce_email=False, has_private_key=True)
DESTINATION = {"id": "d", "metadata": {"slug": "klaviyo"}, "settings": SETTINGS}
SUBSCRIPTION = {"name": "Profiles", "partnerAction": "upsertProfile", "mapping": {}}
AUDIENCE = {"id": "a", "key": "vip", "name": "VIP", "definition": {}, "enabled": True}


@pytest.mark.parametrize(
    "document",
    [
        pytest.param(SETTINGS, id="settings-alone"),
        pytest.param(DESTINATION, id="destination-alone"),
        pytest.param({"data": {"destination": DESTINATION}}, id="one-of-the-api"),
        pytest.param({"data": {"destinations": [DESTINATION]}}, id="list-of-the-api"),
        pytest.param([DESTINATION, DESTINATION], id="twice"),
    ],
)
def test_classic_settings_are_found(document: Any) -> None:  # noqa: ANN401 - JSON
    """With the envelopes of the Public API, and without."""
    export = read_exports([("file", document)])

    assert (export.classic, export.subscriptions) == (CLASSIC, ())


@pytest.mark.parametrize(
    "document",
    [
        pytest.param({"data": {"subscriptions": [SUBSCRIPTION]}}, id="api"),
        pytest.param({"subscriptions": [SUBSCRIPTION]}, id="file"),
        pytest.param([SUBSCRIPTION], id="list"),
        pytest.param(SUBSCRIPTION, id="one"),
        pytest.param({"data": {"subscription": SUBSCRIPTION}}, id="one-of-the-api"),
    ],
)
def test_subscriptions_are_found(document: Any) -> None:  # noqa: ANN401 - JSON
    """As they were exported, whole."""
    export = read_exports([("file", document)])

    assert export.subscriptions == (SUBSCRIPTION,)


@pytest.mark.parametrize(
    ("fields", "list_id"),
    [
        pytest.param({}, "", id="none"),
        pytest.param({"listId": "L1"}, "L1", id="beside-the-key"),
        pytest.param({"settings": {"list_id": "L1"}}, "L1", id="settings"),
        pytest.param(
            {"destinations": [{"settings": {"listId": "L1"}}]}, "L1", id="of-a"
        ),
        pytest.param({"destinations": ["x"], "listId": 7}, "", id="no-text"),
    ],
)
def test_an_audience_may_name_its_list(fields: dict[str, Any], list_id: str) -> None:
    """The connection to Klaviyo may name it in several places."""
    export = read_exports([("file", {"data": {"audience": AUDIENCE | fields}})])

    assert export.audiences == (AudienceExport(key="vip", name="VIP", list_id=list_id),)


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        pytest.param({"listId": None}, ClassicSettings(), id="null"),
        pytest.param({"list_id": "L"}, ClassicSettings(list_id="L"), id="snake-case"),
        pytest.param(
            {"confirmOptin": False}, ClassicSettings(confirm_opt_in=False), id="opt-in"
        ),
        pytest.param(
            {"sendAnonymous": True},
            ClassicSettings(send_anonymous=True),
            id="anonymous",
        ),
        pytest.param(
            {"sendOrderCompleted": True},
            ClassicSettings(keeps_order_completed=True),
            id="order",
        ),
        pytest.param({"colour": 1}, ClassicSettings(unknown=("colour",)), id="unknown"),
    ],
)
def test_defaults_are_those_of_segment(
    settings: dict[str, Any], expected: ClassicSettings
) -> None:
    """Settings that an export leaves out have Segment's defaults."""
    assert read_classic(settings) == expected


@pytest.mark.parametrize(
    ("document", "problem"),
    [
        pytest.param({}, "f: holds no Klaviyo destination", id="empty"),
        pytest.param([], "f: holds no Klaviyo destination", id="empty-list"),
        pytest.param("text", "f: holds no Klaviyo destination", id="text"),
        pytest.param({"data": {"error": "no"}}, "f: holds no Klaviyo", id="error"),
        pytest.param(
            [SETTINGS, SETTINGS | {"listId": "Other"}], "several classic", id="two"
        ),
    ],
)
def test_anything_else_is_refused(document: Any, problem: str) -> None:  # noqa: ANN401 - JSON
    """The error names the file and the calls that export the right thing."""
    with pytest.raises(ConfigError, match=problem):
        read_exports([("f", document)])


def test_other_destinations_are_left_out_with_a_note() -> None:
    """The key of the Actions destination is named, and not copied."""
    actions = {"metadata": {"slug": "actions-klaviyo"}, "settings": {"api_key": "pk_1"}}
    other = {"metadata": {"slug": "webhooks"}, "settings": {}}

    export = read_exports([("file", [actions, other, SUBSCRIPTION])])

    assert export.classic is None
    assert len(export.notes) == 2
    assert "pk_1" not in repr(export)
