"""Switches: the table, the page, and the effects that no case of identity has."""

import re
from pathlib import Path

import pytest

from streams import sandbox
from streams.sandbox import Sandbox, SandboxConfig, Switches
from streams.sandbox.account.account import Account
from streams.sandbox.account.consent import ConsentState
from streams.sandbox.jsonapi.errors import ErrorResponse
from streams.sandbox.jsonapi.messages import ParsedRequest
from streams.sandbox.routes import events, import_jobs, profiles
from streams.sandbox.switches import VALUES
from tests.streams.sandbox.api import (
    Body,
    ManualClock,
    SandboxApi,
    data,
    import_job,
)
from tests.streams.sandbox.consent_jobs import SUBSCRIBE, consent_job
from tests.streams.sandbox.event_requests import event_request
from tests.streams.sandbox.identity_cases import parse_identifiers

PAGE = (Path(sandbox.__file__).parent / "IDENTITY.md").read_text()
PHONE = "+12025550101"
FOREIGN_PHONE = "+4915112345678"
SUBSCRIBED = {"marketing": {"consent": "SUBSCRIBED"}}


def test_each_switch_is_explained() -> None:
    """The section that a switch names exists and names the switch."""
    sections = {
        section.split()[0]: section
        for section in re.split(r"^## ", PAGE, flags=re.MULTILINE)[1:]
    }
    for row in Switches().as_json():
        assert f"`{row['name']}`" in sections[str(row["section"])]
        assert row["about"]


def test_each_default_is_the_first_value() -> None:
    """The table shows the default first."""
    for row in Switches().as_json():
        assert (row["value"], row["default"]) == (VALUES[str(row["name"])][0],) * 2


async def test_switches_are_set_and_shown(api: SandboxApi, klaviyo: Sandbox) -> None:
    """A reset sets what the configuration says."""
    got = await api.post("/sandbox/switches", {"taken_phone": "keep"})
    shown = await api.get("/sandbox/switches")
    during = klaviyo.account.switches.taken_phone
    await api.post("/sandbox/reset")

    assert (got.status, shown.body) == (200, got.body)
    assert {row["value"] for row in shown.body if row["name"] == "taken_phone"} == {
        "keep"
    }
    assert (during, klaviyo.account.switches.taken_phone) == ("keep", "rewrite")
    assert klaviyo.config.switches.taken_phone == "rewrite"


@pytest.mark.parametrize(
    "body",
    [
        pytest.param({"taken_phone": "keep", "shoe": "1"}, id="unknown-name"),
        pytest.param({"taken_phone": "keep", "id_conflict": "x"}, id="unknown-value"),
        pytest.param(["taken_phone"], id="no-object"),
    ],
)
async def test_a_wrong_switch_sets_none(
    api: SandboxApi, klaviyo: Sandbox, body: object
) -> None:
    """The error lists the possible names or values."""
    got = await api.post("/sandbox/switches", body)

    assert got.status == 400
    assert klaviyo.account.switches.taken_phone == "rewrite"


def _request(body: Body) -> ParsedRequest:
    return ParsedRequest(
        path_id="", query={}, body=body, base_url="", path="", now_s=0.0
    )


def test_anonymous_ids_are_ignored_in_profiles() -> None:
    """Section A1; the request does not pass the judge, so there is no socket."""
    account = Account(SandboxConfig(switches=Switches(anonymous_id="ignore")))
    attributes = parse_identifiers("a@x.co dev-a")

    got = profiles.create_or_update(account, _request(data("profile", attributes)))
    import_jobs.submit(account, _request(import_job(parse_identifiers("b@x.co dev-a"))))
    with pytest.raises(ErrorResponse):
        profiles.create(account, _request(data("profile", parse_identifiers("dev-b"))))

    assert got.status == 201
    assert not account.profiles.by_anonymous_id


@pytest.mark.parametrize(
    ("rule", "status"),
    [
        pytest.param("ignore", 201, id="ignore"),
        pytest.param("refuse", 400, id="refuse"),
    ],
)
async def test_patch_identifiers_without_multi_email_profiles(
    api: SandboxApi, klaviyo: Sandbox, rule: str, status: int
) -> None:
    """Section A5: no second address is added."""
    klaviyo.account.switches.set_values({"patch_identifiers": rule})
    meta = {"patch_identifiers": {"append": {"email": ["b@x.co"]}}}

    got = await api.post(
        "/api/profile-import", data("profile", {"email": "a@x.co"}, meta=meta)
    )

    assert got.status == status
    assert not klaviyo.account.profiles.find_owners({"email": "b@x.co"})


@pytest.mark.parametrize(
    ("rule", "status", "recorded"),
    [
        pytest.param("refuse", 404, 0, id="refuse"),
        pytest.param("accept", 202, 1, id="accept"),
    ],
)
async def test_an_event_of_an_unknown_profile_id(
    api: SandboxApi, klaviyo: Sandbox, rule: str, status: int, recorded: int
) -> None:
    """Section A3: if accepted, other identifiers decide; without any, it is dropped."""
    klaviyo.account.switches.set_values({"event_unknown_id": rule})
    for owner in ({"email": "a@x.co"}, {}):
        event = event_request(owner=owner)
        event["data"]["attributes"]["profile"]["data"]["id"] = "01NOBODY"
        assert (await api.post("/api/events", event)).status == status

    assert len(klaviyo.account.events.by_key) == recorded


def test_the_meta_of_an_event_is_inside_its_attributes() -> None:
    """Section A1, by the OpenAPI; the models of the SDK do not have it."""
    account = Account(SandboxConfig())
    meta = {"patch_properties": {"append": {"tags": ["new"]}}}
    owner = {"email": "a@x.co", "meta": meta}

    events.create(account, _request(event_request(owner=owner)))

    (profile,) = account.profiles
    assert profile.properties == {"tags": ["new"]}


async def test_null_clears_nothing_in_bulk(
    api: SandboxApi, klaviyo: Sandbox, clock: ManualClock
) -> None:
    """Section A3: only values are written."""
    await api.create_profile(email="a@x.co", title="Dr", properties={"a": 1})
    row = {"email": "a@x.co", "title": None, "properties": {"a": None, "b": 2}}
    await api.post("/api/profile-bulk-import-jobs", import_job(row))

    clock.now_s += 5

    (profile,) = klaviyo.account.profiles
    assert (profile.fields["title"], profile.properties) == ("Dr", {"a": 1, "b": 2})


def _subscription(email: str, phone_number: str) -> Body:
    row = {
        "email": email,
        "phone_number": phone_number,
        "subscriptions": {"email": SUBSCRIBED, "sms": SUBSCRIBED},
    }
    return consent_job(SUBSCRIBE, row)


@pytest.mark.parametrize(
    ("rule", "channels_of_email", "channels_of_phone"),
    [
        pytest.param("higher", ["email", "sms"], [], id="higher"),
        pytest.param("split", ["email"], ["sms"], id="split"),
        pytest.param("drop", [], [], id="drop"),
    ],
)
async def test_a_subscription_of_two_owners(
    api: SandboxApi,
    klaviyo: Sandbox,
    *,
    rule: str,
    channels_of_email: list[str],
    channels_of_phone: list[str],
) -> None:
    """Section A3: the row is accepted, and a switch decides whom it subscribes."""
    klaviyo.account.switches.set_values({"subscribe_conflict": rule})
    ann = await api.create_profile(email="a@x.co")
    bob = await api.create_profile(email="b@x.co", phone_number=PHONE)

    got = await api.post(f"/api/{SUBSCRIBE}s", _subscription("a@x.co", PHONE))

    states = klaviyo.account.consents.by_profile
    channels = [
        sorted(channel for channel, _ in states.get(name, ConsentState()).consents)
        for name in (ann, bob)
    ]
    assert got.status == 202
    assert channels == [channels_of_email, channels_of_phone]


@pytest.mark.parametrize(
    ("rule", "status", "channels"),
    [
        pytest.param("request", 400, [], id="request"),
        pytest.param("row", 202, ["b@x.co email", "b@x.co sms"], id="row"),
        pytest.param(
            "channel", 202, ["a@x.co email", "b@x.co email", "b@x.co sms"], id="channel"
        ),
    ],
)
async def test_a_number_that_klaviyo_refuses(
    clock: ManualClock, rule: str, status: int, channels: list[str]
) -> None:
    """Section S: the email consent of the same row is applied, or lost."""
    config = SandboxConfig(sms_prefixes=("+1",), clock_s=clock)
    body = _subscription("a@x.co", FOREIGN_PHONE)
    rows = body["data"]["attributes"]["profiles"]["data"]
    rows += _subscription("b@x.co", PHONE)["data"]["attributes"]["profiles"]["data"]
    async with Sandbox(config) as klaviyo, SandboxApi(klaviyo.url) as api:
        klaviyo.account.switches.set_values({"sms_refusal": rule})

        got = await api.post(f"/api/{SUBSCRIBE}s", body)

        account = klaviyo.account
        shown = sorted(
            f"{account.profiles.by_id[profile_id].email} {channel}"
            for profile_id, state in account.consents.by_profile.items()
            for channel, _ in state.consents
        )
    assert (got.status, shown) == (status, channels)
    if status == 400:
        pointer = "/data/attributes/profiles/data/0/attributes/phone_number"
        assert got.pointers == [pointer]


async def test_a_push_subscription_may_have_an_anonymous_id(
    api: SandboxApi, klaviyo: Sandbox
) -> None:
    """Section A1: a device without an address is subscribed to push."""
    push = {**SUBSCRIBED, "anonymous_id": "dev-a"}
    body = consent_job(SUBSCRIBE, {"subscriptions": {"push": push}})

    got = await api.post(f"/api/{SUBSCRIBE}s", body)

    (profile,) = klaviyo.account.profiles
    assert (got.status, profile.anonymous_id) == (202, "dev-a")


@pytest.mark.parametrize("condition", ["equals({},{})", "any({},[{}])"])
@pytest.mark.parametrize("value", ["A@x.co", PHONE, "x-a"])
async def test_profiles_are_looked_up_by_each_identifier(
    api: SandboxApi, condition: str, value: str
) -> None:
    """Section A1: a look-up of each identifier finds the owners to compare."""
    ann = await api.create_profile(**parse_identifiers(f"x-a a@x.co {PHONE}"))
    await api.create_profile(**parse_identifiers("x-b b@x.co"))
    (name,) = parse_identifiers(value)

    got = await api.get("/api/profiles", filter=condition.format(name, f'"{value}"'))

    assert got.ids == [ann]
