"""Profiles that requests choose, fold and refuse: a table of cases."""

import pytest

from streams.sandbox import Sandbox
from tests.streams.sandbox.api import WRONG_REQUEST, ManualClock, SandboxApi
from tests.streams.sandbox.identity_cases import (
    OTHER_PHONE,
    PHONE,
    TWO_FULL,
    Case,
    check_case,
)

FULL_A = f"x-a a@x.co {PHONE}"
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


@pytest.mark.parametrize("name", RANKING)
async def test_the_ranking_chooses_and_folds(
    api: SandboxApi, klaviyo: Sandbox, clock: ManualClock, name: str
) -> None:
    """The owner of the highest identifier is written; lower ones are folded."""
    await check_case(api, klaviyo, clock, RANKING[name])


@pytest.mark.parametrize("name", CONFLICTS)
async def test_profiles_of_their_own_conflict(
    api: SandboxApi, klaviyo: Sandbox, clock: ManualClock, name: str
) -> None:
    """A conflict changes nothing, and names a profile unless a switch says none."""
    await check_case(api, klaviyo, clock, CONFLICTS[name])


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

    await check_case(api, klaviyo, clock, case)
