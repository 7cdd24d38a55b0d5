"""Klaviyo's own SDK judges the bodies of the events, consent and privacy lanes."""

from datetime import datetime
from typing import Any

import orjson
import pytest
from openapi_client.models.data_privacy_create_deletion_job_query import (
    DataPrivacyCreateDeletionJobQuery,
)
from openapi_client.models.event_create_query_v2 import EventCreateQueryV2
from openapi_client.models.events_bulk_create_job import EventsBulkCreateJob
from openapi_client.models.subscription_create_job_create_query import (
    SubscriptionCreateJobCreateQuery,
)
from openapi_client.models.subscription_delete_job_create_query import (
    SubscriptionDeleteJobCreateQuery,
)
from openapi_client.models.suppression_create_job_create_query import (
    SuppressionCreateJobCreateQuery,
)
from openapi_client.models.suppression_delete_job_create_query import (
    SuppressionDeleteJobCreateQuery,
)

from streams.actions.intents import UNSUBSCRIBE_ONLY, Channel, EventRecord
from streams.klaviyo.api import endpoints
from streams.klaviyo.api.endpoints import Endpoint
from streams.klaviyo.api.requests import Request
from streams.klaviyo.batching.items import VerdictCollector
from streams.klaviyo.payloads import consent_requests, event_lines
from streams.klaviyo.payloads.event_lines import group_by_profile, prepare_events

_TIME = "2026-07-15T09:30:00+00:00"
_WHO = {"id": "01G", "email": "sarah@example.com", "phone_number": "+15005550006"}
_TOKEN = {"token": "t0ken", "platform": "ios", "vendor": "apns"}
_EVENTS = [
    EventRecord(
        metric="Order Completed",
        profile={
            "id": "01G",
            "external_id": "sarah",
            "email": "sarah@example.com",
            "location": {"city": "New York", "latitude": 40.7},
            "properties": {"pseudonym": "Dr. Octopus"},
        },
        properties={"OrderId": 1, "Items": [{"sku": "a"}, None]},
        time=_TIME,
        unique_id="order-1",
        value=9.5,
        value_currency="USD",
        backfill=True,
    ),
    EventRecord(metric="Viewed", profile={"external_id": "sarah"}, properties={}),
    EventRecord(
        metric="Bought", profile={"external_id": "sarah"}, properties={}, value=1
    ),
]
_LINES = prepare_events(
    _EVENTS, collector=VerdictCollector(len(_EVENTS)), known_metrics=None, now_s=None
)
_CONSENT = {"consent": "SUBSCRIBED", "consented_at": _TIME}
_SUBSCRIBE_RESOURCE = consent_requests.consent_resource(
    _WHO,
    frozenset(Channel) - UNSUBSCRIBE_ONLY,
    consent=_CONSENT,
    push_tokens=(_TOKEN,),
    anonymous_id="a-1",
)
_UNSUBSCRIBE_RESOURCE = consent_requests.consent_resource(
    {"email": "sarah@example.com"},
    frozenset(Channel),
    consent={"consent": "UNSUBSCRIBED"},
    push_tokens=(_TOKEN,),
)
_ADDRESS = consent_requests.suppression_resource("sarah@example.com")


@pytest.mark.parametrize(
    ("request_", "model"),
    [
        pytest.param(
            event_lines.create_event(_LINES[0]), EventCreateQueryV2, id="event"
        ),
        pytest.param(
            event_lines.create_event(_LINES[1]), EventCreateQueryV2, id="bare-event"
        ),
        pytest.param(
            event_lines.create_events(group_by_profile(_LINES, ungrouped=())),
            EventsBulkCreateJob,
            id="events",
        ),
        pytest.param(
            consent_requests.subscribe_profiles(
                [_SUBSCRIBE_RESOURCE, _SUBSCRIBE_RESOURCE],
                list_id="L",
                custom_source="-59",
                historical_import=True,
            ),
            SubscriptionCreateJobCreateQuery,
            id="subscribe-to-a-list",
        ),
        pytest.param(
            consent_requests.subscribe_profiles([_SUBSCRIBE_RESOURCE]),
            SubscriptionCreateJobCreateQuery,
            id="subscribe",
        ),
        pytest.param(
            consent_requests.unsubscribe_profiles(
                [_UNSUBSCRIBE_RESOURCE, _UNSUBSCRIBE_RESOURCE], list_id="L"
            ),
            SubscriptionDeleteJobCreateQuery,
            id="unsubscribe-from-a-list",
        ),
        pytest.param(
            consent_requests.unsubscribe_profiles([_UNSUBSCRIBE_RESOURCE]),
            SubscriptionDeleteJobCreateQuery,
            id="unsubscribe",
        ),
        pytest.param(
            consent_requests.suppress_profiles([_ADDRESS]),
            SuppressionCreateJobCreateQuery,
            id="suppress",
        ),
        pytest.param(
            consent_requests.unsuppress_profiles([_ADDRESS]),
            SuppressionDeleteJobCreateQuery,
            id="unsuppress",
        ),
        *(
            pytest.param(
                consent_requests.request_deletion(
                    [consent_requests.deletion_resource(field, value)]
                ),
                DataPrivacyCreateDeletionJobQuery,
                id=f"delete-by-{field}",
            )
            for field, value in _WHO.items()
        ),
    ],
)
def test_klaviyos_models_read_the_body_and_lose_nothing_of_it(
    request_: Request,
    model: Any,  # noqa: ANN401  # the SDK ships no types
) -> None:
    """The SDK reads the body and writes an equal body."""
    read = model.from_json(request_.body.decode())

    assert _without_defaults(read.to_dict()) == _without_defaults(
        orjson.loads(request_.body)
    )


def test_a_profile_with_three_events_is_one_row() -> None:
    """Events with equal identifiers share a row; different identifiers do not."""
    rows = group_by_profile(_LINES, ungrouped=())

    assert [len(row) for row in rows] == [1, 2]


@pytest.mark.parametrize("endpoint", endpoints.ENDPOINTS)
def test_every_operation_has_a_quota_of_its_own(endpoint: Endpoint) -> None:
    """Endpoint names are unique keys of quotas, and all scopes are requested."""
    others = [other for other in endpoints.ENDPOINTS if other.name == endpoint.name]

    assert others == [endpoint]
    assert endpoint.scopes


def _without_defaults(value: object) -> object:
    """Drop nulls and defaults, some of which the SDK adds; write times as text."""
    if isinstance(value, dict):
        return {
            k: _without_defaults(v)
            for k, v in value.items()
            if v is not None and v is not False
        }
    if isinstance(value, list):
        return [_without_defaults(item) for item in value]
    return value.isoformat() if isinstance(value, datetime) else value
