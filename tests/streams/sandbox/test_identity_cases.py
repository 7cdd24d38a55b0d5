"""Profiles that requests choose, fold and refuse: a table of cases."""

import pytest

from streams.sandbox import Sandbox
from tests.streams.sandbox.api import WRONG_REQUEST, ManualClock, SandboxApi
from tests.streams.sandbox.identity_cases import (
    OTHER_PHONE,
    PHONE,
    Case,
    seed,
    send,
    show_profiles,
)

FULL_A = f"x-a a@x.co {PHONE}"
TWO_FULL = {"A": "x-a a@x.co", "B": f"x-b b@x.co {PHONE}"}
EXTERNAL_AND_EMAIL = {"A": "x-a", "B": "b@x.co"}

RANKING = {
    "email-with-new-phone": Case(
        section="A2",
        before={"A": f"a@x.co {PHONE}"},
        request="import",
        identifiers=f"a@x.co {OTHER_PHONE}",
        after={"A": f"a@x.co {OTHER_PHONE}"},
    ),
    "known-phone-with-new-email-rewrites": Case(
        section="A2",
        before={"A": f"x-a a@x.co {PHONE}"},
        request="import",
        identifiers=f"new@x.co {PHONE}",
        after={"A": f"x-a new@x.co {PHONE}"},
    ),
    "unknown-email-alone": Case(
        section="A2",
        before={"A": FULL_A},
        request="import",
        identifiers="new@x.co",
        status=201,
        after={"A": FULL_A, "new": "new@x.co"},
    ),
    "id-replaces-both": Case(
        section="A2",
        before={"A": FULL_A},
        request="import",
        profile="A",
        identifiers=f"new@x.co {OTHER_PHONE}",
        after={"A": f"x-a new@x.co {OTHER_PHONE}"},
    ),
    "external-id-with-free-email": Case(
        section="A2",
        before={"A": "x-a a@x.co"},
        request="import",
        identifiers="x-a new@x.co",
        after={"A": "x-a new@x.co"},
    ),
    "email-with-other-external-id": Case(
        section="A2",
        before={"A": "x-a a@x.co"},
        request="import",
        identifiers="x-new a@x.co",
        after={"A": "x-new a@x.co"},
    ),
    "phone-only-is-folded": Case(
        section="A2",
        before={"A": "a@x.co", "B": PHONE},
        request="import",
        identifiers=f"a@x.co {PHONE}",
        after={"A": f"a@x.co {PHONE}"},
    ),
    "email-only-is-folded-into-external-id": Case(
        section="A4",
        before=EXTERNAL_AND_EMAIL,
        request="import",
        identifiers="x-a b@x.co",
        after={"A": "x-a b@x.co"},
    ),
    "email-and-phone-are-folded": Case(
        section="A2",
        before={"A": "x-a", "B": "b@x.co", "C": PHONE},
        request="import",
        identifiers=f"x-a b@x.co {PHONE}",
        after={"A": f"x-a b@x.co {PHONE}"},
    ),
    "fold-by-a-row": Case(
        section="A2",
        before={"A": "a@x.co", "B": PHONE},
        request="row",
        identifiers=f"a@x.co {PHONE}",
        status=202,
        after={"A": f"a@x.co {PHONE}"},
    ),
    "phone-only-is-folded-beside-an-id": Case(
        section="A2",
        before={"A": f"a@x.co {OTHER_PHONE}", "B": PHONE},
        request="patch",
        profile="A",
        identifiers=PHONE,
        after={"A": f"a@x.co {PHONE}"},
    ),
}

CONFLICTS = {
    "create-of-one-that-exists": Case(
        section="A3",
        before={"A": "a@x.co"},
        request="create",
        identifiers="x-new a@x.co",
        status=409,
        duplicate="A",
        after={"A": "a@x.co"},
    ),
    "create-with-a-phone-only-profile": Case(
        section="A3",
        before={"A": PHONE},
        request="create",
        identifiers=f"new@x.co {PHONE}",
        status=409,
        duplicate="A",
        after={"A": PHONE},
    ),
    "import-of-two": Case(
        section="A3",
        before=TWO_FULL,
        request="import",
        identifiers=f"a@x.co {PHONE}",
        status=409,
        duplicate="B",
        after=TWO_FULL,
    ),
    "import-of-two-names-the-chosen": Case(
        section="A3",
        before=TWO_FULL,
        request="import",
        identifiers=f"a@x.co {PHONE}",
        switches={"conflict_names": "chosen"},
        status=409,
        duplicate="A",
        after=TWO_FULL,
    ),
    "import-of-two-names-none": Case(
        section="A3",
        before=TWO_FULL,
        request="import",
        identifiers=f"a@x.co {PHONE}",
        switches={"conflict_names": "none"},
        status=409,
        after=TWO_FULL,
    ),
    "import-of-two-external-id-and-email": Case(
        section="A3",
        before=TWO_FULL,
        request="import",
        identifiers="x-a b@x.co",
        status=409,
        duplicate="B",
        after=TWO_FULL,
    ),
    "one-conflict-prevents-every-fold": Case(
        section="A3",
        before={"A": "x-a", "B": "x-b b@x.co", "C": PHONE},
        request="import",
        identifiers=f"x-a b@x.co {PHONE}",
        status=409,
        duplicate="B",
        after={"A": "x-a", "B": "x-b b@x.co", "C": PHONE},
    ),
    "patch-to-the-phone-of-another": Case(
        section="A3",
        before=TWO_FULL,
        request="patch",
        profile="A",
        identifiers=PHONE,
        status=409,
        duplicate="B",
        after=TWO_FULL,
    ),
    "patch-to-the-email-of-another": Case(
        section="E1",
        before=EXTERNAL_AND_EMAIL,
        request="patch",
        profile="A",
        identifiers="b@x.co",
        status=409,
        duplicate="B",
        after=EXTERNAL_AND_EMAIL,
    ),
    "patch-to-the-email-of-another-folds": Case(
        section="E1",
        before=EXTERNAL_AND_EMAIL,
        request="patch",
        profile="A",
        identifiers="b@x.co",
        switches={"beside_id": "fold"},
        after={"A": "x-a b@x.co"},
    ),
    "import-with-id-of-one-and-email-of-another": Case(
        section="A3",
        before=TWO_FULL,
        request="import",
        profile="A",
        identifiers="b@x.co",
        status=409,
        duplicate="B",
        after=TWO_FULL,
    ),
    "import-with-id-of-one-and-email-of-another-404": Case(
        section="A3",
        before=TWO_FULL,
        request="import",
        profile="A",
        identifiers="b@x.co",
        switches={"id_conflict": "not-found"},
        status=404,
        after=TWO_FULL,
    ),
    "patch-is-no-404": Case(
        section="A3",
        before=TWO_FULL,
        request="patch",
        profile="A",
        identifiers="b@x.co",
        switches={"id_conflict": "not-found"},
        status=409,
        duplicate="B",
        after=TWO_FULL,
    ),
    "external-id-does-not-fold": Case(
        section="A4",
        before=EXTERNAL_AND_EMAIL,
        request="import",
        identifiers="x-a b@x.co",
        switches={"external_id_fold": "conflict"},
        status=409,
        duplicate="B",
        after=EXTERNAL_AND_EMAIL,
    ),
    "row-of-two": Case(
        section="A3",
        before=TWO_FULL,
        request="row",
        identifiers=f"a@x.co {PHONE}",
        status="duplicate_profile",
        after=TWO_FULL,
    ),
    "row-of-two-invalid": Case(
        section="A3",
        before=TWO_FULL,
        request="row",
        identifiers=f"a@x.co {PHONE}",
        switches={"import_conflict_code": "invalid"},
        status="invalid",
        after=TWO_FULL,
    ),
    "row-with-id-of-one-and-email-of-another-404": Case(
        section="A3",
        before=TWO_FULL,
        request="row",
        profile="A",
        identifiers="b@x.co",
        switches={"id_conflict": "not-found"},
        status="not_found",
        after=TWO_FULL,
    ),
}

EVENTS = {
    "of-one": Case(
        section="A2",
        before={"A": "a@x.co"},
        request="event",
        identifiers="x-new a@x.co",
        status=202,
        after={"A": "x-new a@x.co"},
        event_owner="A",
    ),
    "of-two-goes-to-the-higher": Case(
        section="A3",
        before=TWO_FULL,
        request="event",
        identifiers="x-b a@x.co",
        status=202,
        after=TWO_FULL,
        event_owner="B",
    ),
    "of-two-goes-to-the-email": Case(
        section="A3",
        before=TWO_FULL,
        request="event",
        identifiers="x-b a@x.co",
        switches={"event_conflict": "email"},
        status=202,
        after=TWO_FULL,
        event_owner="A",
    ),
    "of-two-is-dropped": Case(
        section="A3",
        before=TWO_FULL,
        request="event",
        identifiers="x-b a@x.co",
        switches={"event_conflict": "drop"},
        status=202,
        after=TWO_FULL,
    ),
    "folds-a-phone-only-profile": Case(
        section="B1",
        before={"A": "a@x.co", "B": PHONE},
        request="event",
        identifiers=f"a@x.co {PHONE}",
        status=202,
        after={"A": f"a@x.co {PHONE}"},
        event_owner="A",
    ),
    "known-phone-and-new-email-rewrites": Case(
        section="J2",
        before={"A": FULL_A},
        request="event",
        identifiers=f"new@x.co {PHONE}",
        status=202,
        after={"A": f"x-a new@x.co {PHONE}"},
        event_owner="A",
    ),
    "known-phone-and-new-email-keeps": Case(
        section="J2",
        before={"A": FULL_A},
        request="event",
        identifiers=f"new@x.co {PHONE}",
        switches={"taken_phone": "keep"},
        status=202,
        after={"A": FULL_A},
        event_owner="A",
    ),
    "known-phone-and-new-email-is-new": Case(
        section="J2",
        before={"A": FULL_A},
        request="event",
        identifiers=f"new@x.co {PHONE}",
        switches={"taken_phone": "new"},
        status=202,
        after={"A": FULL_A, "new": "new@x.co"},
        event_owner="new",
    ),
    "phone-only-profile-gets-the-email": Case(
        section="A2",
        before={"A": PHONE},
        request="event",
        identifiers=f"new@x.co {PHONE}",
        switches={"taken_phone": "keep"},
        status=202,
        after={"A": f"new@x.co {PHONE}"},
        event_owner="A",
    ),
    "anonymous-alone": Case(
        section="C",
        before={"A": "a@x.co"},
        request="event",
        identifiers="dev-a",
        status=202,
        after={"A": "a@x.co", "new": "dev-a"},
        event_owner="new",
    ),
    "anonymous-is-folded": Case(
        section="C",
        before={"A": "a@x.co", "B": "dev-a"},
        request="event",
        identifiers="a@x.co dev-a",
        status=202,
        after={"A": "a@x.co dev-a"},
        event_owner="A",
    ),
    "anonymous-stays": Case(
        section="C",
        before={"A": "a@x.co", "B": "dev-a"},
        request="event",
        identifiers="a@x.co dev-a",
        switches={"anonymous_fold": "keep"},
        status=202,
        after={"A": "a@x.co", "B": "dev-a"},
        event_owner="A",
    ),
    "anonymous-stays-beside-a-new-email": Case(
        section="C",
        before={"A": "dev-a"},
        request="event",
        identifiers="new@x.co dev-a",
        switches={"anonymous_fold": "keep"},
        status=202,
        after={"A": "dev-a", "new": "new@x.co"},
        event_owner="new",
    ),
}

SUBSCRIPTIONS = {
    "id-decides": Case(
        section="A3",
        before=TWO_FULL,
        request="subscribe",
        profile="A",
        identifiers="b@x.co",
        status=202,
        after=TWO_FULL,
    ),
    "folds-a-phone-only-profile": Case(
        section="B1",
        before={"A": "a@x.co", "B": PHONE},
        request="subscribe",
        identifiers=f"a@x.co {PHONE}",
        status=202,
        after={"A": f"a@x.co {PHONE}"},
    ),
    "unknown-address": Case(
        section="A3",
        before={},
        request="subscribe",
        identifiers="new@x.co",
        status=202,
        after={"new": "new@x.co"},
    ),
    "unknown-address-has-no-effect": Case(
        section="A3",
        before={},
        request="subscribe",
        identifiers="new@x.co",
        switches={"new_subscriber": "ignore"},
        status=202,
        after={},
    ),
    "known-phone-and-new-email-keeps": Case(
        section="J2",
        before={"A": FULL_A},
        request="subscribe",
        identifiers=f"new@x.co {PHONE}",
        switches={"taken_phone": "keep"},
        status=202,
        after={"A": FULL_A},
    ),
}


async def _check(
    api: SandboxApi, klaviyo: Sandbox, clock: ManualClock, case: Case
) -> None:
    profile_ids = seed(klaviyo, case)
    names = {profile_id: name for name, profile_id in profile_ids.items()}

    got = await send(api, case, profile_ids)
    clock.now_s += 5

    if isinstance(case.status, str):
        (job_id,) = klaviyo.account.jobs.by_id
        path = f"/api/profile-bulk-import-jobs/{job_id}/import-errors"
        (error,) = (await api.get(path)).body["data"]
        assert error["attributes"]["code"] == case.status
    else:
        assert got.status == case.status
    assert show_profiles(klaviyo, names) == dict(case.after)
    if got.status == 409:
        named = {"duplicate_profile_id": profile_ids.get(case.duplicate)}
        assert got.error["code"] == "duplicate_profile"
        assert got.error["title"] == "Conflict."
        assert got.error["source"] == {"pointer": "/data/attributes"}
        assert got.error["meta"] == (named if case.duplicate else {})
    if case.request == "event":
        metric = klaviyo.account.events.metric_names.get("Ordered")
        owners = [
            names.get(event.profile_id, "new")
            for event in klaviyo.account.events.by_key.values()
            if metric is not None and event.metric_id == metric.id
        ]
        assert owners == [case.event_owner] * bool(case.event_owner)


@pytest.mark.parametrize("name", RANKING)
async def test_the_ranking_chooses_and_folds(
    api: SandboxApi, klaviyo: Sandbox, clock: ManualClock, name: str
) -> None:
    """The owner of the highest identifier is written; lower ones are folded."""
    await _check(api, klaviyo, clock, RANKING[name])


@pytest.mark.parametrize("name", CONFLICTS)
async def test_profiles_of_their_own_conflict(
    api: SandboxApi, klaviyo: Sandbox, clock: ManualClock, name: str
) -> None:
    """A conflict changes nothing, and names a profile unless a switch says none."""
    await _check(api, klaviyo, clock, CONFLICTS[name])


@pytest.mark.parametrize("name", EVENTS)
async def test_an_event_is_accepted_and_resolved_later(
    api: SandboxApi, klaviyo: Sandbox, clock: ManualClock, name: str
) -> None:
    """An event is never a conflict, and two full profiles are not merged."""
    await _check(api, klaviyo, clock, EVENTS[name])


@pytest.mark.parametrize("name", SUBSCRIPTIONS)
async def test_a_subscription_is_resolved_as_an_event(
    api: SandboxApi, klaviyo: Sandbox, clock: ManualClock, name: str
) -> None:
    """A profile id decides; without one, the ranking does."""
    await _check(api, klaviyo, clock, SUBSCRIPTIONS[name])


@WRONG_REQUEST
@pytest.mark.parametrize("request_kind", ["create", "import", "row"])
async def test_a_profile_payload_has_no_anonymous_id(
    api: SandboxApi, klaviyo: Sandbox, clock: ManualClock, request_kind: str
) -> None:
    """Section A1: only events have anonymous ids."""
    case = Case(
        section="A1",
        before={},
        request=request_kind,
        identifiers="a@x.co dev-a",
        status=400,
        after={},
    )

    await _check(api, klaviyo, clock, case)
