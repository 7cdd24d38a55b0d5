"""Klaviyo's own SDK judges the bodies of the profiles and lists lanes."""

from typing import Any

import orjson
import pytest
from openapi_client.models.list_create_query import ListCreateQuery
from openapi_client.models.list_members_add_query import ListMembersAddQuery
from openapi_client.models.list_members_delete_query import ListMembersDeleteQuery
from openapi_client.models.profile_import_job_create_query import (
    ProfileImportJobCreateQuery,
)
from openapi_client.models.profile_upsert_query import ProfileUpsertQuery

from streams.klaviyo.api import requests
from streams.klaviyo.api.endpoints import ADD_MEMBERS, REMOVE_MEMBERS
from streams.klaviyo.api.requests import Request

_PROFILE = requests.profile_resource(
    {
        "id": "01GDDKASAP8TKDDA2GRZDSVP4H",
        "email": "sarah.mason@klaviyo-demo.com",
        "phone_number": "+15005550006",
        "external_id": "63f64a2b-c6bf-40c7-b81f-bed08162edbe",
        "first_name": "Sarah",
        "last_name": None,
        "organization": "Example Corporation",
        "locale": "en-US",
        "title": "Regional Manager",
        "image": "https://example.com/photo.jpeg",
        "location": {"address1": "89 E 42nd St", "latitude": 40.7, "city": "New York"},
        "properties": {"pseudonym": "Dr. Octopus", "scores": [1, 2.5, True, None]},
    }
)


@pytest.mark.parametrize(
    ("request_", "model"),
    [
        pytest.param(
            requests.import_profiles([_PROFILE, _PROFILE], list_id="Y6nRLr"),
            ProfileImportJobCreateQuery,
            id="import-with-a-list",
        ),
        pytest.param(
            requests.import_profiles([_PROFILE]),
            ProfileImportJobCreateQuery,
            id="import-without-a-list",
        ),
        pytest.param(
            requests.upsert_profile(_PROFILE), ProfileUpsertQuery, id="upsert"
        ),
        pytest.param(
            requests.change_members(ADD_MEMBERS, ["01G", "02G"], list_id="L"),
            ListMembersAddQuery,
            id="add-members",
        ),
        pytest.param(
            requests.change_members(REMOVE_MEMBERS, ["01G", "02G"], list_id="L"),
            ListMembersDeleteQuery,
            id="remove-members",
        ),
        pytest.param(requests.create_list("VIP"), ListCreateQuery, id="create-list"),
    ],
)
def test_klaviyos_models_read_the_body_and_lose_nothing_of_it(
    request_: Request,
    model: Any,  # noqa: ANN401  # the SDK ships no types
) -> None:
    """The SDK reads the body and writes an equal body."""
    read = model.from_json(request_.body.decode())

    assert _without_nulls(orjson.loads(read.to_json())) == _without_nulls(
        orjson.loads(request_.body)
    )


def _without_nulls(value: object) -> object:
    """Drop nulls, because the SDK leaves out some nulls."""
    if isinstance(value, dict):
        return {k: _without_nulls(v) for k, v in value.items() if v is not None}
    if isinstance(value, list):
        return [_without_nulls(item) for item in value]
    return value
