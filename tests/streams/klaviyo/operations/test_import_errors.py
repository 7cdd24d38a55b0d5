"""Matching of import errors with the profiles of a job."""

import pytest

from streams.klaviyo.api.import_jobs import ImportJobStatus
from streams.klaviyo.batching.items import ProfileItem
from streams.klaviyo.operations.bulk_import import (
    ImportJobResult,
    read_import_errors,
    settle_import_job,
)

_CHUNK = tuple(
    ProfileItem(index=10 + at, profile=profile)
    for at, profile in enumerate(
        [
            {"external_id": "a", "email": "Jane@x.io"},
            {"email": "john@x.io"},
            {"phone_number": "+15005550006"},
            {"external_id": "d"},
        ]
    )
)


def row(payload: object, pointer: str = "/data") -> dict[str, object]:
    """Build an import error in Klaviyo's form."""
    return {
        "type": "import-error",
        "id": "e",
        "attributes": {
            "code": "invalid",
            "title": "Invalid input.",
            "detail": "Jane@x.io",
            "source": {"pointer": pointer},
            "original_payload": payload,
        },
    }


@pytest.mark.parametrize(
    ("payload", "pointer", "culprit"),
    [
        pytest.param({"external_id": "a"}, "/data", 10, id="flat"),
        pytest.param(
            {"type": "profile", "attributes": {"email": "john@x.io"}},
            "/data",
            11,
            id="resource",
        ),
        pytest.param(
            {"data": {"attributes": {"external_id": "d"}}}, "/data", 13, id="document"
        ),
        pytest.param({"email": "jane@X.io"}, "/data", 10, id="other-case"),
        pytest.param({"phone_number": "+15005550006"}, "/data", 12, id="phone-number"),
        pytest.param(
            None, "/data/attributes/profiles/data/3/x", 13, id="no-payload-but-a-place"
        ),
        pytest.param(
            {"external_id": "d"},
            "/data/attributes/profiles/data/0/x",
            13,
            id="the-payload-is-believed-before-the-place",
        ),
    ],
)
def test_an_error_lands_on_its_record(
    payload: object, pointer: str, culprit: int
) -> None:
    """The identity in the original payload wins over the position."""
    errors = read_import_errors({"data": [row(payload, pointer)]})

    settled = settle_import_job(
        _CHUNK,
        ImportJobResult(status=ImportJobStatus.COMPLETE, failed=1, errors=errors),
    )

    assert [item.index for item, _ in settled.rejected] == [culprit]
    assert len(settled.delivered) == 3
    assert not settled.resubmit
    assert "x.io" not in settled.rejected[0][1]


@pytest.mark.parametrize("status", [ImportJobStatus.CANCELLED, ImportJobStatus.UNKNOWN])
def test_a_job_that_did_not_complete_is_submitted_again(
    status: ImportJobStatus,
) -> None:
    """A cancelled or unknown job is submitted again as a whole."""
    settled = settle_import_job(_CHUNK, ImportJobResult(status=status))

    assert settled.resubmit == [_CHUNK]
    assert settled.cancelled


@pytest.mark.parametrize(
    ("failed", "named_count", "resubmitted"),
    [
        pytest.param(1, 0, [2, 2], id="one-unnamed"),
        pytest.param(2, 1, [1, 2], id="one-of-two-named_count"),
        pytest.param(None, 1, [], id="klaviyo-does-not-count"),
        pytest.param(4, 4, [], id="all-named_count"),
        pytest.param(9, 4, [], id="miscounted"),
    ],
)
def test_unmatched_failures_are_bisected(
    failed: int | None, named_count: int, resubmitted: list[int]
) -> None:
    """Halves of the unmatched items go resubmitted until the failing item is alone."""
    rows = [row(item.profile) for item in _CHUNK[:named_count]]
    end = ImportJobResult(
        status=ImportJobStatus.COMPLETE,
        failed=failed,
        errors=read_import_errors({"data": rows}),
    )

    settled = settle_import_job(_CHUNK, end)

    assert [len(chunk) for chunk in settled.resubmit] == resubmitted
    assert len(settled.rejected) == named_count
    assert len(settled.delivered) == (0 if resubmitted else 4 - named_count)


def test_an_unmatched_failure_of_a_single_item_is_that_item() -> None:
    """A single item is the item that failed."""
    settled = settle_import_job(
        _CHUNK[:1], ImportJobResult(status=ImportJobStatus.COMPLETE, failed=1)
    )

    assert settled.rejected == [(_CHUNK[0], "import-failed")]


@pytest.mark.parametrize(
    "document", [{}, {"data": None}, {"data": [None, {}, {"attributes": []}]}]
)
def test_no_listing_can_break_the_reader(document: dict[str, object]) -> None:
    """Malformed listings give errors without identifiers."""
    assert all(not error.identifiers for error in read_import_errors(document))
