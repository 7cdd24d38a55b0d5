"""Malformed bodies never crash the sandbox."""

import copy
from collections.abc import Iterator

import orjson
import pytest

from streams.sandbox import Account, SandboxConfig
from streams.sandbox.operations import OPERATIONS
from streams.sandbox.server.pipeline import RawRequest, handle
from tests.judging import judge
from tests.streams.sandbox.api import HEADERS, Body, ManualClock, data, ids, import_job

ODD_VALUES: tuple[object, ...] = (
    None,
    [],
    {},
    [[]],
    [{}],
    [None],
    "",
    "x",
    5,
    -1.5,
    True,
    {"data": None},
)
"""What stands in place of each member, one after another."""

_EMAIL = {"email": "ann@example.com"}
_METRIC = {"data": {"type": "metric", "attributes": {"name": "Ordered"}}}
_PROFILE = {
    "data": {
        "type": "profile",
        "id": "01SANDBOX00000000000000001",
        "attributes": {**_EMAIL, "location": {"city": "Oslo"}},
        "meta": {"patch_properties": {"append": {"a": 1}, "unset": ["b"]}},
    }
}
_EVENT = {"properties": {"a": [1, "x"]}, "metric": _METRIC, "unique_id": "1"}
_CONSENT_GIVEN = {"consent": "SUBSCRIBED", "consented_at": "2020-01-01T00:00:00Z"}
_LIST = {"list": {"data": {"type": "list", "id": "L00001"}}}


def _consent(kind: str, profile: Body, **attributes: object) -> Body:
    body = {"profiles": {"data": [{"type": "profile", **profile}]}, **attributes}
    return data(kind, body, relationships=_LIST)


BODIES: dict[str, Body] = {
    "create_profile": data("profile", {"email": "eve@example.com", "title": None}),
    "update_profile": _PROFILE,
    "create_or_update_profile": _PROFILE,
    "merge_profiles": data(
        "profile-merge",
        id="01SANDBOX00000000000000001",
        relationships={"profiles": ids("profile", "01SANDBOX00000000000000002")},
    ),
    "bulk_import_profiles": import_job(_EMAIL, lists=("L00001",)),
    "create_list": data("list", {"name": "Fans", "opt_in_process": "single_opt_in"}),
    "update_list": data("list", {"name": "Fans"}, id="L00001"),
    "add_profiles_to_list": ids("profile", "01SANDBOX00000000000000001"),
    "remove_profiles_from_list": ids("profile", "01SANDBOX00000000000000001"),
    "create_event": data(
        "event", {**_EVENT, "profile": _PROFILE, "time": "2026-07-15"}
    ),
    "bulk_create_events": data(
        "event-bulk-create-job",
        {
            "events-bulk-create": {
                "data": [
                    {
                        "type": "event-bulk-create",
                        "attributes": {
                            "profile": _PROFILE,
                            "events": {
                                "data": [{"type": "event", "attributes": _EVENT}]
                            },
                        },
                    }
                ]
            }
        },
    ),
    "bulk_subscribe_profiles": _consent(
        "profile-subscription-bulk-create-job",
        {
            "id": None,
            "attributes": {
                **_EMAIL,
                "subscriptions": {"email": {"marketing": _CONSENT_GIVEN}},
            },
        },
        historical_import=True,
        custom_source="-59",
    ),
    "bulk_unsubscribe_profiles": _consent(
        "profile-subscription-bulk-delete-job",
        {
            "attributes": {
                **_EMAIL,
                "subscriptions": {"email": {"marketing": {"consent": "UNSUBSCRIBED"}}},
            }
        },
    ),
    "bulk_suppress_profiles": data(
        "profile-suppression-bulk-create-job",
        {"profiles": {"data": [{"type": "profile", "attributes": _EMAIL}]}},
    ),
    "bulk_unsuppress_profiles": data(
        "profile-suppression-bulk-delete-job", {}, relationships=_LIST
    ),
    "request_profile_deletion": data(
        "data-privacy-deletion-job",
        {"profile": {"data": {"type": "profile", "id": None, "attributes": _EMAIL}}},
    ),
}
"""A good body for every operation that takes one."""


def _paths(
    node: object, path: tuple[str | int, ...] = ()
) -> Iterator[tuple[str | int, ...]]:
    yield path
    if isinstance(node, dict):
        for name, value in node.items():
            yield from _paths(value, (*path, name))
    elif isinstance(node, list):
        for index, value in enumerate(node):
            yield from _paths(value, (*path, index))


def _replaced(body: Body, path: tuple[str | int, ...], odd: object) -> object:
    if not path:
        return odd
    changed = copy.deepcopy(body)
    node: Body = changed
    for step in path[:-1]:
        node = node[step]  # type: ignore[index]  # a step into a list
    node[path[-1]] = odd  # type: ignore[index]  # likewise
    return changed


def _answer_status(name: str, body: object) -> int:
    config = SandboxConfig(
        quota_scale=None,
        lists_per_day=None,
        job_queued_s=0,
        job_s=0,
        clock_s=ManualClock(),
    )
    account = Account(config)
    people = [{"email": "ann@example.com"}, {"external_id": "bob"}]
    ann, _ = [account.profiles.create(one, now_s=0) for one in people]
    account.lists.create("Fans", opt_in_process="single_opt_in", now_s=0)
    of_list = "/lists/" in OPERATIONS[name].path
    answer = handle(
        account,
        RawRequest(
            operation=OPERATIONS[name],
            path_id="L00001" if of_list else ann.id,
            path="/",
            base_url="",
            query={},
            headers=HEADERS,
            body=orjson.dumps(body),
            now_s=account.apply_due(),
        ),
    )
    account.apply_due()
    return answer.status


@pytest.mark.parametrize("name", BODIES)
def test_a_good_body_is_accepted(name: str) -> None:
    """The unmodified bodies of this module are valid."""
    assert _answer_status(name, BODIES[name]) in (200, 201, 202, 204)


@pytest.mark.parametrize("name", BODIES)
def test_a_good_body_is_klaviyos(name: str) -> None:
    """The unmodified bodies are valid for Klaviyo's SDK."""
    path = OPERATIONS[name].path.replace("{id}", "L00001")

    assert judge(OPERATIONS[name].method, path, orjson.dumps(BODIES[name])) == ""


@pytest.mark.parametrize("name", BODIES)
def test_an_odd_member_is_refused_or_accepted_but_never_a_crash(name: str) -> None:
    """Each member is replaced by each odd value, and an accepted job ends."""
    good = BODIES[name]

    statuses = {
        _answer_status(name, _replaced(good, path, odd))
        for path in _paths(good)
        for odd in ODD_VALUES
    }

    assert statuses <= {200, 201, 202, 204, 400, 404, 409, 413}
    assert 400 in statuses


def test_every_operation_with_a_body_is_tried() -> None:
    """A new operation with a body needs a case here."""
    takers = {
        operation.name for operation in OPERATIONS.values() if operation.method != "GET"
    }

    assert set(BODIES) == takers
