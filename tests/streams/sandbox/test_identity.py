"""Ownership of identifiers, and changes of profile attributes."""

import pytest

from streams.sandbox import Sandbox
from tests.streams.sandbox.api import WRONG_REQUEST, Body, ManualClock, SandboxApi, data

ANN: Body = {
    "email": "Ann@Example.com",
    "phone_number": "+12025550123",
    "external_id": "ann",
}


@pytest.mark.parametrize(
    "attributes",
    [
        pytest.param({"email": "ann@example.COM"}, id="email-in-another-case"),
        pytest.param({"phone_number": "+12025550123"}, id="phone"),
        pytest.param({"external_id": "ann"}, id="external-id"),
        pytest.param({"email": "x@y.zz", "external_id": "ann"}, id="one-of-two"),
    ],
)
async def test_a_taken_identifier_is_a_conflict(
    api: SandboxApi, attributes: Body
) -> None:
    """Creating a profile reports the existing owner of an identifier."""
    ann = await api.create_profile(**ANN)

    got = await api.post("/api/profiles", data("profile", attributes))

    assert (got.status, got.error["code"]) == (409, "duplicate_profile")
    assert got.error["meta"] == {"duplicate_profile_id": ann}


async def test_upsert_answers_201_when_new_and_200_when_known(api: SandboxApi) -> None:
    """The status distinguishes creation from update."""
    body = data("profile", {"email": "eve@example.com"})

    first = await api.post("/api/profile-import", body)
    second = await api.post("/api/profile-import", body)

    assert (first.status, second.status) == (201, 200)
    assert first.body["data"]["id"] == second.body["data"]["id"]


async def test_upsert_of_two_profiles_at_once_is_a_conflict(
    api: SandboxApi, klaviyo: Sandbox
) -> None:
    """Neither profile changes if each has a higher identifier of its own."""
    ann = await api.create_profile(email="ann@example.com", external_id="ann")
    await api.create_profile(external_id="bob")
    both = {"email": "ann@example.com", "external_id": "bob", "title": "Dr"}

    got = await api.post("/api/profile-import", data("profile", both))

    assert got.status == 409
    assert got.error["meta"] == {"duplicate_profile_id": ann}
    assert all(not profile.fields for profile in klaviyo.account.profiles)


async def test_null_clears_and_absence_keeps(api: SandboxApi) -> None:
    """Null clears members of properties and location too, one level deep."""
    ann = await api.create_profile(
        **ANN,
        first_name="Ann",
        title="Dr",
        location={"city": "Oslo", "zip": "1"},
        properties={"plan": "pro", "seats": 3},
    )
    change = {
        "title": None,
        "phone_number": None,
        "location": {"zip": None},
        "properties": {"seats": None, "new": True},
    }

    body = data("profile", change, id=ann)
    got = await api.call("PATCH", f"/api/profiles/{ann}", body=body)

    after = got.body["data"]["attributes"]
    assert (after["first_name"], after["title"]) == ("Ann", None)
    assert after["phone_number"] is None
    assert (after["location"]["city"], after["location"]["zip"]) == ("Oslo", None)
    assert after["properties"] == {"plan": "pro", "new": True}


async def test_a_cleared_identifier_is_free_again(api: SandboxApi) -> None:
    """Another profile may take an identifier that was cleared."""
    ann = await api.create_profile(**ANN)
    body = data("profile", {"external_id": None}, id=ann)
    await api.call("PATCH", f"/api/profiles/{ann}", body=body)

    got = await api.post("/api/profiles", data("profile", {"external_id": "ann"}))

    assert got.status == 201


async def test_update_to_anothers_address_is_a_conflict(api: SandboxApi) -> None:
    """An identifier belongs to one profile."""
    ann = await api.create_profile(**ANN)
    bob = await api.create_profile(external_id="bob")

    body = data("profile", {"email": "ann@example.com"}, id=bob)
    got = await api.call("PATCH", f"/api/profiles/{bob}", body=body)

    assert (got.status, got.error["meta"]["duplicate_profile_id"]) == (409, ann)


@pytest.mark.parametrize(
    ("attributes", "pointer"),
    [
        pytest.param({"email": "nope"}, "/email", id="no-address"),
        pytest.param({"phone_number": "0201"}, "/phone_number", id="not-e164"),
        pytest.param({"external_id": "x" * 256}, "/external_id", id="too-long"),
        pytest.param(
            {"email": "a@b.cc", "shoe": 1},
            "/shoe",
            id="unknown-field",
            marks=WRONG_REQUEST,
        ),
        pytest.param({"email": 5}, "/email", id="wrong-type", marks=WRONG_REQUEST),
        pytest.param(
            {"email": "a@b.cc", "properties": []},
            "/properties",
            id="list",
            marks=WRONG_REQUEST,
        ),
        pytest.param({"first_name": "Ann"}, "", id="no-identifier"),
    ],
)
async def test_a_faulty_attribute_is_pointed_at(
    api: SandboxApi, attributes: Body, pointer: str
) -> None:
    """The pointer of the error leads to the member."""
    got = await api.post("/api/profiles", data("profile", attributes))

    assert (got.status, got.error["code"]) == (400, "invalid")
    assert got.pointers == [f"/data/attributes{pointer}"]


async def test_merging_leaves_one_profile_with_all_of_both(
    api: SandboxApi, klaviyo: Sandbox, clock: ManualClock
) -> None:
    """Once the job has run, the source is unknown and the target has all it had."""
    ann = await api.create_profile(email="ann@example.com", properties={"a": 1})
    old = await api.create_profile(external_id="ann", properties={"a": 2, "b": 3})
    fans = await api.create_list("Fans")
    body = {"data": [{"type": "profile", "id": old}]}
    await api.post(f"/api/lists/{fans}/relationships/profiles", body)

    relation = {"profiles": {"data": [{"type": "profile", "id": old}]}}
    got = await api.post(
        "/api/profile-merge", data("profile-merge", id=ann, relationships=relation)
    )

    source_before = await api.get(f"/api/profiles/{old}")
    clock.now_s += 5
    source = await api.get(f"/api/profiles/{old}")
    (merged,) = klaviyo.account.profiles
    assert (got.status, got.body["data"]["id"]) == (202, ann)
    assert (source_before.status, source.status) == (200, 404)
    assert (merged.id, merged.external_id, merged.lists) == (ann, "ann", {fans})
    assert merged.properties == {"a": 1, "b": 3}


async def test_patch_properties_appends_and_unsets(api: SandboxApi) -> None:
    """Member `meta` changes single properties."""
    await api.create_profile(external_id="ann", properties={"tags": ["a"], "old": 1})
    body = data("profile", {"external_id": "ann"})
    patch = {"append": {"tags": "b"}, "unset": "old"}
    body["data"]["meta"] = {"patch_properties": patch}

    got = await api.post("/api/profile-import", body)

    assert got.body["data"]["attributes"]["properties"] == {"tags": ["a", "b"]}


@pytest.mark.parametrize(
    "identifiers",
    [
        pytest.param({"attributes": {"email": "ann@example.com"}}, id="email"),
        pytest.param({"attributes": {"phone_number": "+12025550123"}}, id="phone"),
        pytest.param({"attributes": {"email": "no@x.com"}}, id="unknown"),
    ],
)
async def test_deletion_is_accepted_whoever_it_names(
    api: SandboxApi, klaviyo: Sandbox, identifiers: Body
) -> None:
    """Known people disappear from every list; unknown people are ignored."""
    await api.post("/sandbox/lists", [{"name": "Fans", "members": [ANN]}])
    is_known = identifiers["attributes"].get("email") != "no@x.com"

    body = data(
        "data-privacy-deletion-job",
        {"profile": {"data": {"type": "profile", **identifiers}}},
    )
    got = await api.post("/api/data-privacy-deletion-jobs", body)

    state = klaviyo.account
    assert got.status == 202
    assert len(state.profiles) == (0 if is_known else 1)
    assert len(state.lists.by_id["L00001"].members) == (0 if is_known else 1)


async def test_deletion_takes_exactly_one_identifier(api: SandboxApi) -> None:
    """A request with two identifiers is rejected."""
    two = {"email": "ann@example.com", "phone_number": "+12025550123"}
    profile = {"data": {"type": "profile", "attributes": two}}

    body = data("data-privacy-deletion-job", {"profile": profile})
    got = await api.post("/api/data-privacy-deletion-jobs", body)

    assert got.status == 400
