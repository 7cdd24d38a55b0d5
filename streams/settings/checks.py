"""Checks of settings across values: contradictions and missing values."""

import ipaddress
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from streams.settings.kafka_checks import (
    SettingProblem,
    find_kafka_contradictions,
    find_missing_kafka,
    is_web_address,
)
from streams.settings.model import PROXY_OF_ENVIRONMENT, Settings

TOPIC_NAME_MAX_CHARS = 249
"""Kafka's limit for topic names, which may hold the characters of `_TOPIC_NAME`."""

_TOPIC_NAME = re.compile(r"[a-zA-Z0-9._-]+")


def find_problems(
    settings: Settings, *, for_delivery: bool, api_key_env: str
) -> Iterator[SettingProblem]:
    """Find problems in settings with values of the right types.

    Args:
        settings: All settings; an invalid setting holds its default.
        for_delivery: Whether the stage `deliver` needs the API key.
        api_key_env: Variable that holds the API key.
    """
    yield from find_contradictions(settings)
    yield from find_missing_kafka(settings)
    yield from _find_missing_connection(settings)
    needs_key = for_delivery and "deliver" in settings.stages
    if needs_key and not settings.klaviyo_api_key:
        yield "klaviyo_api_key", f"is needed to deliver; set {api_key_env}"


def find_contradictions(settings: Settings) -> Iterator[SettingProblem]:
    """Find problems that no other layer or machine could solve.

    Args:
        settings: All settings; an invalid setting holds its default.
    """
    yield from find_kafka_contradictions(settings)
    if settings.session_timeout_s >= settings.rebalance_timeout_s:
        yield "session_timeout_s", "must be shorter than rebalance_timeout_s"
    yield from _find_topic_problems(settings)
    if not is_web_address(settings.klaviyo_url):
        yield "klaviyo_url", "not an http or https address"
    yield from _find_connection_problems(settings)


def _find_connection_problems(settings: Settings) -> Iterator[SettingProblem]:
    proxy = settings.klaviyo_proxy
    if proxy not in {"", PROXY_OF_ENVIRONMENT}:
        if not is_web_address(proxy):
            yield "klaviyo_proxy", "not an http or https address, nor `environment`"
        elif "@" in urlsplit(proxy).netloc:
            yield (
                "klaviyo_proxy",
                "holds credentials; put them into klaviyo_proxy_credentials_file",
            )
    address = settings.klaviyo_source_address
    if address and not _is_ip_address(address):
        yield "klaviyo_source_address", "not an IP address"


def _find_missing_connection(settings: Settings) -> Iterator[SettingProblem]:
    if settings.klaviyo_ca_file and not Path(settings.klaviyo_ca_file).is_file():
        yield "klaviyo_ca_file", "no such file"
    credentials = settings.klaviyo_proxy_credentials
    if credentials and ":" not in credentials.reveal():
        yield "klaviyo_proxy_credentials", "not user:password"
    if credentials and not settings.klaviyo_proxy:
        yield "klaviyo_proxy_credentials", "needs klaviyo_proxy"


def _find_topic_problems(settings: Settings) -> Iterator[SettingProblem]:
    if not all(_is_topic_name(topic) for topic in settings.source_topics):
        yield "source_topics", "not a valid Kafka topic name"
    if max(Counter(settings.source_topics).values()) > 1:
        yield "source_topics", "a topic occurs twice"
    own = own_topics(settings)
    if own & {*settings.source_topics}:
        yield "source_topics", "contains a topic that this project writes"
    if not all(_is_topic_name(topic) for topic in own):
        yield "topic_prefix", "does not begin a valid Kafka topic name"


def _is_topic_name(name: str) -> bool:
    return len(name) <= TOPIC_NAME_MAX_CHARS and bool(_TOPIC_NAME.fullmatch(name))


def own_topics(settings: Settings) -> set[str]:
    """Return the names of all topics that this project writes."""
    topics = settings.topics
    return {
        topics.events,
        topics.held_events,
        topics.list_requests,
        topics.audience_lists,
        topics.memberships_changelog,
        topics.outcomes,
        topics.deadletters,
        topics.deadletters_resolved,
        topics.offset_backup,
        topics.sync_state,
        topics.sync_state_rows,
        topics.reprocess,
        topics.replays,
        *topics.activations.values(),
    }


def _is_ip_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
