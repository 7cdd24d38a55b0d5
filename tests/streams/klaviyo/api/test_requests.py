"""Requests exactly as sent over the network."""

from urllib.parse import parse_qs, urlsplit

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.klaviyo.api import endpoints, requests
from streams.klaviyo.api.endpoints import (
    ADD_MEMBERS,
    ENDPOINTS,
    REMOVE_MEMBERS,
    Endpoint,
)
from streams.klaviyo.api.requests import Request


@pytest.mark.parametrize(
    ("request_", "method", "target"),
    [
        pytest.param(
            requests.find_profiles("email", ["a+b@c.io", "d@e.io"]),
            "GET",
            "/api/profiles?filter=any%28email%2C%5B%22a%2Bb%40c.io%22%2C%22d%40e.io%22"
            "%5D%29&fields%5Bprofile%5D=email&page%5Bsize%5D=100",
            id="find-profiles",
        ),
        pytest.param(
            requests.list_running_imports(),
            "GET",
            "/api/profile-bulk-import-jobs?filter=any%28status%2C%5B%22queued%22%2C"
            "%22processing%22%5D%29&fields%5Bprofile-bulk-import-job%5D=status"
            "&page%5Bsize%5D=100",
            id="running-imports",
        ),
        pytest.param(
            requests.get_import_job("01J"),
            "GET",
            "/api/profile-bulk-import-jobs/01J"
            "?fields%5Bprofile-bulk-import-job%5D=status%2Cfailed_count",
            id="import-job",
        ),
        pytest.param(
            requests.get_import_errors("01J"),
            "GET",
            "/api/profile-bulk-import-jobs/01J/import-errors?page%5Bsize%5D=100",
            id="import-errors",
        ),
        pytest.param(
            requests.import_profiles([b"{}"]),
            "POST",
            "/api/profile-bulk-import-jobs",
            id="import-profiles",
        ),
        pytest.param(
            requests.upsert_profile(b"{}"),
            "POST",
            "/api/profile-import?fields%5Bprofile%5D=created",
            id="upsert-profile",
        ),
        pytest.param(
            requests.change_members(ADD_MEMBERS, ["1"], list_id="AbC"),
            "POST",
            "/api/lists/AbC/relationships/profiles",
            id="add-members",
        ),
        pytest.param(
            requests.change_members(REMOVE_MEMBERS, ["1"], list_id="a/b?c"),
            "DELETE",
            "/api/lists/a%2Fb%3Fc/relationships/profiles",
            id="remove-members-of-an-odd-list",
        ),
        pytest.param(
            requests.find_lists("VIP & co"),
            "GET",
            "/api/lists?filter=any%28name%2C%5B%22VIP%20%26%20co%22%5D%29"
            "&fields%5Blist%5D=name%2Ccreated&sort=created&page%5Bsize%5D=10",
            id="lists-named",
        ),
        pytest.param(
            requests.get_list("AbC"),
            "GET",
            "/api/lists/AbC?fields%5Blist%5D=name",
            id="get-list",
        ),
        pytest.param(
            requests.create_list("VIP"), "POST", "/api/lists", id="create-list"
        ),
    ],
)
def test_method_and_target_are_klaviyos(
    request_: Request, method: str, target: str
) -> None:
    """All but letters, digits and `-._~` of a parameter is percent-encoded."""
    assert (request_.endpoint.method, request_.target) == (method, target)


@pytest.mark.parametrize(
    ("request_", "body"),
    [
        pytest.param(
            requests.import_profiles(
                [
                    requests.profile_resource({"email": "a@b.io", "title": None}),
                    requests.profile_resource({"id": "01P", "external_id": "x"}),
                ],
                list_id="L'1",
            ),
            {
                "data": {
                    "type": "profile-bulk-import-job",
                    "attributes": {
                        "profiles": {
                            "data": [
                                {
                                    "type": "profile",
                                    "attributes": {"email": "a@b.io", "title": None},
                                },
                                {
                                    "type": "profile",
                                    "id": "01P",
                                    "attributes": {"external_id": "x"},
                                },
                            ]
                        }
                    },
                    "relationships": {
                        "lists": {"data": [{"type": "list", "id": "L'1"}]}
                    },
                }
            },
            id="import-with-a-list",
        ),
        pytest.param(
            requests.import_profiles([]),
            {
                "data": {
                    "type": "profile-bulk-import-job",
                    "attributes": {"profiles": {"data": []}},
                }
            },
            id="import-without-a-list",
        ),
        pytest.param(
            requests.upsert_profile(requests.profile_resource({"email": "a@b.io"})),
            {"data": {"type": "profile", "attributes": {"email": "a@b.io"}}},
            id="upsert",
        ),
        pytest.param(
            requests.change_members(ADD_MEMBERS, ["1", "2"], list_id="L"),
            {"data": [{"type": "profile", "id": "1"}, {"type": "profile", "id": "2"}]},
            id="members",
        ),
        pytest.param(
            requests.create_list('V"IP'),
            {"data": {"type": "list", "attributes": {"name": 'V"IP'}}},
            id="create-list",
        ),
    ],
)
def test_bodies_are_json_api_documents(request_: Request, body: object) -> None:
    """Null stays, absence stays absent."""
    assert orjson.loads(request_.body) == body


@given(st.text())
def test_any_text_survives_the_way_to_the_server(value: str) -> None:
    """Text is encoded once and decoded once, without raw `+` or `&`."""
    target = requests.find_profiles("external_id", [value]).target

    query = parse_qs(urlsplit(target).query, strict_parsing=True)
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    assert query["filter"] == [f'any(external_id,["{escaped}"])']
    assert target.isascii()
    assert not set(target) & set('+"\\,[]() ')


def test_what_is_no_text_is_sent_all_the_same() -> None:
    """Lone surrogates cannot be encoded, and match no profile."""
    assert "%3F" in requests.find_profiles("email", ["\ud800"]).target


def test_a_cursor_replaces_the_one_before() -> None:
    """Every page asks with the same parameters."""
    first = requests.list_running_imports()

    third = first.with_cursor("two").with_cursor("thr=e&")

    assert third.query == (*first.query, ("page[cursor]", "thr=e&"))
    assert third.endpoint is first.endpoint


def test_every_endpoint_has_a_name_of_its_own() -> None:
    """Names are unique, because names are the keys of quotas."""
    assert len({endpoint.name for endpoint in ENDPOINTS}) == len(ENDPOINTS)


def test_every_endpoint_is_among_all_of_them() -> None:
    """An endpoint that is missing there is missing in quota reports and tests too."""
    defined = {e.name for e in vars(endpoints).values() if isinstance(e, Endpoint)}

    assert defined == {endpoint.name for endpoint in ENDPOINTS}
