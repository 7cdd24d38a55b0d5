"""Tests of the destination files that are accepted and refused."""

import json
from typing import Any

import pytest
import yaml

from streams.actions.intents import EventRecord, ListAdd, ProfileUpsert
from streams.destination.loader import compile_destination, read_destination
from streams.destination.model import AudienceRule, Destination, UnknownMetricPolicy
from streams.errors import ConfigError
from streams.events.identifiers import BadPhonePolicy

IDENTIFY = {"type": "identify", "userId": "u", "traits": {"email": "a@b.co"}}


def track(name: str, **properties: object) -> dict[str, Any]:
    """Make a track call."""
    return {
        "type": "track",
        "event": name,
        "userId": "u",
        "messageId": "m",
        "timestamp": "2025-03-01T10:00:00.000Z",
        "properties": properties,
    }


def taken(destination: Destination, event: dict[str, Any]) -> list[str]:
    """Name the actions that an event starts."""
    return [activated.action for activated in destination.map_event(event)]


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="empty"),
        pytest.param("settings:\n  api_key_env: KEY", id="key-only"),
        pytest.param('{"settings": {"api_key_env": "KEY"}}', id="json"),
    ],
)
@pytest.mark.parametrize(
    ("event", "actions"),
    [
        pytest.param(IDENTIFY, ["upsertProfile"], id="identify"),
        pytest.param(track("Viewed"), ["trackEvent"], id="track"),
        pytest.param(track("Order Completed"), ["orderCompleted"], id="order"),
        pytest.param(track("Audience Entered"), [], id="audience"),
        pytest.param(
            track("User Subscribed"), ["trackEvent", "subscribeProfile"], id="subscribe"
        ),
        pytest.param({"type": "delete", "userId": "u"}, ["deleteProfile"], id="delete"),
        pytest.param({"type": "page", "userId": "u"}, [], id="page"),
    ],
)
def test_a_file_without_mappings_does_what_a_segment_user_expects(
    text: str, event: dict[str, Any], actions: list[str]
) -> None:
    """Each event starts the preset action, and audiences are synced."""
    destination = read_destination(text)

    assert taken(destination, event) == actions
    assert destination.sync_audiences


def test_fields_change_single_fields_of_the_default_mapping() -> None:
    """The other fields keep the default; null leaves a field out."""
    destination = compile_destination(
        {
            "mappings": [
                {
                    "name": "Views",
                    "action": "trackEvent",
                    "trigger": 'event = "Viewed"',
                    "fields": {"metric_name": "Seen", "unique_id": None},
                }
            ]
        }
    )

    (activated,) = destination.map_event(track("Viewed", a=1))

    assert activated.mapping == "Views"
    assert activated.result == (
        EventRecord(
            metric="Seen",
            profile={"external_id": "u"},
            properties={"a": 1},
            time="2025-03-01T10:00:00.000Z",
        ),
    )
    assert destination.metrics == {"Seen": ("Views",)}


def test_segments_own_json_is_taken_as_it_is() -> None:
    """Segment's names, complete mapping and batching are accepted."""
    destination = compile_destination(
        {
            "subscriptions": [
                {
                    "id": "s1",
                    "name": "Add",
                    "enabled": True,
                    "partnerAction": "addProfileToList",
                    "subscribe": 'event = "Audience Entered"',
                    "mapping": {
                        "email": {"@path": "$.context.traits.email"},
                        "list_id": "L",
                        "enable_batching": True,
                        "batch_size": 50,
                        "batch_keys": ["list_id"],
                        "of_long_ago": 1,
                    },
                }
            ]
        }
    )
    event = {**track("Audience Entered"), "context": {"traits": {"email": "a@b.co"}}}

    (activated,) = destination.map_event(event)

    assert activated.result == (ListAdd(list_id="L", profile={"email": "a@b.co"}),)
    assert destination.mappings[0].batching.size == 50
    assert not destination.sync_audiences


def test_a_mapping_that_is_not_enabled_takes_nothing() -> None:
    """A disabled mapping is checked all the same."""
    mapping = {"action": "trackEvent", "enabled": False}

    destination = compile_destination([mapping])

    assert destination.mappings == ()


def test_settings_and_audiences_are_read() -> None:
    """An audience is a list id, or an object."""
    text = """
    settings:
      country: AT
      bad_phone: refuse
      unknown_metric: dead-letter
      topic_partitions: 4
    audiences:
      vips: L1
      all: {list_id: L2, enabled: false}
    """

    destination = read_destination(text)

    assert destination.api_key_env == "KLAVIYO_API_KEY"
    assert destination.contact_rules.country == "AT"
    assert destination.contact_rules.bad_phone is BadPhonePolicy.REFUSE
    assert destination.unknown_metric is UnknownMetricPolicy.DEAD_LETTER
    assert destination.settings == {"topic_partitions": 4}
    assert destination.audiences == {
        "vips": AudienceRule(list_id="L1"),
        "all": AudienceRule(list_id="L2", enabled=False),
    }


def test_a_country_setting_reads_national_numbers() -> None:
    """A payload's own country_code comes first."""
    destination = compile_destination({"settings": {"country": "US"}})
    event = {**IDENTIFY, "traits": {"phone": "415 555 0132"}}

    (activated,) = destination.map_event(event)

    assert activated.result == (
        ProfileUpsert(profile={"external_id": "u", "phone_number": "+14155550132"}),
    )


@pytest.mark.parametrize(
    ("raw", "mistake"),
    [
        pytest.param(3, "file: is not an object", id="no-object"),
        pytest.param(
            {"colours": {}}, "colours: is not a known part of the file", id="part"
        ),
        pytest.param({"mappings": 3}, "mappings: is not a list", id="no-list"),
        pytest.param(
            [{"action": "trackEvent", "name": 3}],
            "mappings[0].name: is not text",
            id="name",
        ),
        pytest.param(
            [{"action": "trackEvent", "enabled": "yes"}],
            "mappings[0].enabled: is neither true nor false",
            id="enabled",
        ),
        pytest.param(
            [{"action": "trackEvent", "batching": {"keys": 3}}],
            "mappings[0].batching.keys: is not a list",
            id="batch-keys",
        ),
        pytest.param([7], "mappings[0]: is not an object", id="no-mapping"),
        pytest.param([{}], "mappings[0].action: is missing", id="no-action"),
        pytest.param(
            [{"action": "trackEvents"}], "did you mean trackEvent?", id="action"
        ),
        pytest.param(
            [{"action": "trackEvent", "trigger": "type = "}],
            "mappings[0].trigger: line 1",
            id="trigger",
        ),
        pytest.param(
            [{"action": "trackEvent", "fields": {"metric_nam": "x"}}],
            "mappings[0].fields.metric_nam: is not a known trackEvent field; "
            "did you mean metric_name?",
            id="field",
        ),
        pytest.param(
            [{"action": "trackEvent", "fields": {"value": {"@pth": 1}}}],
            "mappings[0].fields.value: has an invalid directive: @pth",
            id="directive",
        ),
        pytest.param(
            [{"action": "trackEvent", "expire_after_s": True}],
            "mappings[0].expire_after_s: is not a number of seconds",
            id="expiry",
        ),
        pytest.param(
            [{"action": "trackEvent", "expire_after_s": -1}],
            "mappings[0].expire_after_s: is not a number of seconds above 0",
            id="negative-expiry",
        ),
        pytest.param(
            [{"action": "trackEvent", "batching": {"size": 0}}],
            "mappings[0].batching.size: is not a whole number",
            id="batch-size",
        ),
        pytest.param(
            {"settings": {"api_key": "pk_1"}}, "does not belong in this file", id="key"
        ),
        pytest.param(
            {"settings": {"api_key_evn": "K"}}, "did you mean api_key_env?", id="typo"
        ),
        pytest.param(
            {"settings": {"country": "QQ"}},
            "settings.country: is not an ISO 3166 code",
            id="country",
        ),
        pytest.param(
            {"settings": {"bad_phone": "keep"}},
            "is not one of drop, refuse",
            id="choice",
        ),
        pytest.param(
            {"settings": {"topic_partitions": "many"}},
            "settings.topic_partitions: Expected `int`, got `str`",
            id="workers-type",
        ),
        pytest.param(
            {"settings": {"web_port": 70_000}},
            "settings.web_port: Expected `int` <= 65535",
            id="workers-range",
        ),
        pytest.param(
            {"settings": {"klaviyo_url": "here"}},
            "settings.klaviyo_url: not an http",
            id="workers-check",
        ),
        pytest.param(
            {"settings": {"kafka_sasl_password": "pk_1"}},
            "settings.kafka_sasl_password: a secret does not belong in this file",
            id="workers-secret",
        ),
        pytest.param(
            {"settings": {"destination": "other.yaml"}},
            "settings.destination: is not a known setting",
            id="another-destination",
        ),
        pytest.param(
            {"audiences": {"vips": {"lst": 1}}},
            "audiences.vips.lst: is not a known part",
            id="audience",
        ),
    ],
)
def test_a_problem_is_reported_with_its_path(raw: object, mistake: str) -> None:
    """The error never quotes the value of a secret."""
    with pytest.raises(ConfigError) as caught:
        read_destination(yaml.safe_dump(raw))

    assert mistake in str(caught.value)
    assert "pk_1" not in str(caught.value)


def test_all_problems_are_reported_at_once() -> None:
    """A single run shows all problems."""
    raw = {
        "settings": {"country": "QQ", "web_port": "no", "stages": [], "zzz": 1},
        "mappings": [{"action": "x"}, {"action": "trackEvent", "trigger": "="}],
    }

    with pytest.raises(ConfigError) as caught:
        read_destination(json.dumps(raw))

    assert len(caught.value.problems) == 6


@pytest.mark.parametrize("text", ["a: [", "\0", "!!python/object:x.Y {}"])
def test_a_file_that_is_not_yaml_is_refused_with_its_line(text: str) -> None:
    """The error quotes no line of the file."""
    with pytest.raises(ConfigError, match="is not valid YAML"):
        read_destination(text)
