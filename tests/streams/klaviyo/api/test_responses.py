"""Every status, header and body becomes a value."""

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.klaviyo.api import responses
from streams.klaviyo.api.responses import InvalidPageLink, LastPage, NextPage, PageLink
from streams.klaviyo.api.results import (
    Accepted,
    AttemptResult,
    Conflict,
    NotFound,
    OperatorFault,
    Rejected,
    Temporary,
    Throttled,
    TooLarge,
)

_HTML = b"<!DOCTYPE html><html><body>Just a moment...</body></html>"
_PAGE = "https://a.klaviyo.com/api/x"
_ITEMS = "/data/attributes/profiles/data"


def error_body(*details: dict[str, object]) -> bytes:
    """Write a JSON:API error document; every error has a telltale detail."""
    common = {"id": "1", "title": "Invalid input.", "detail": "jane@example.com is bad"}
    return orjson.dumps({"errors": [{**common, **detail} for detail in details]})


def error_at(pointer: str, code: str = "invalid") -> dict[str, object]:
    """Return an error with a pointer into the body."""
    return {"code": code, "source": {"pointer": pointer}}


@pytest.mark.parametrize(
    ("status", "body", "answer"),
    [
        pytest.param(
            200,
            b'{"data":{"id":"1"}}',
            Accepted(status=200, data={"data": {"id": "1"}}),
            id="200-document",
        ),
        pytest.param(201, b"{}", Accepted(status=201), id="201-empty-document"),
        pytest.param(202, b"", Accepted(status=202), id="202-no-body"),
        pytest.param(204, b"", Accepted(status=204), id="204-no-body"),
        pytest.param(
            200, b"", Temporary(status=200, reason="unreadable-answer"), id="200-cut"
        ),
        pytest.param(
            200, _HTML, Temporary(status=200, reason="unreadable-answer"), id="200-page"
        ),
        pytest.param(
            202,
            b'{"data":{"id"',
            Temporary(status=202, reason="unreadable-answer"),
            id="202-half-a-document",
        ),
        pytest.param(
            200, b"[]", Temporary(status=200, reason="unreadable-answer"), id="200-list"
        ),
        pytest.param(
            400,
            error_body(
                error_at(f"{_ITEMS}/3/attributes/email"), error_at(f"{_ITEMS}/7")
            ),
            Rejected(
                status=400,
                reason="invalid: Invalid input at /attributes/email",
                item_reasons={
                    3: "invalid: Invalid input at /attributes/email",
                    7: "invalid: Invalid input",
                },
            ),
            id="400-names-items",
        ),
        pytest.param(
            400,
            error_body(error_at("/data/attributes/email")),
            Rejected(status=400, reason="invalid: Invalid input at /attributes/email"),
            id="400-about-the-whole",
        ),
        pytest.param(
            400,
            error_body(error_at("/data/relationships/lists/data/0/id")),
            Rejected(
                status=400, reason="invalid: Invalid input at /relationships/lists/data"
            ),
            id="400-about-the-list-names-no-item",
        ),
        pytest.param(
            400,
            error_body(error_at("/data/2/id"), {"code": "invalid"}),
            Rejected(
                status=400,
                reason="invalid: Invalid input at /id",
                item_reasons={2: "invalid: Invalid input at /id"},
            ),
            id="400-of-relationships",
        ),
        pytest.param(
            400,
            error_body({"code": "invalid", "source": {"parameter": "revision"}}),
            OperatorFault(status=400, reason="revision-refused"),
            id="400-revision-is-not-the-datas-fault",
        ),
        pytest.param(
            400,
            _HTML,
            Temporary(status=400, reason="not-klaviyos-answer"),
            id="400-page",
        ),
        pytest.param(
            401, _HTML, OperatorFault(status=401, reason="unauthorized"), id="401"
        ),
        pytest.param(
            403,
            error_body({"code": "permission_denied"}),
            OperatorFault(status=403, reason="permission-denied"),
            id="403-scope",
        ),
        pytest.param(
            403,
            _HTML,
            Temporary(status=403, reason="blocked-by-challenge", is_blocked=True),
            id="403-page",
        ),
        pytest.param(
            404,
            error_body(error_at("/data/1/id", "not_found")),
            NotFound(
                status=404,
                reason="not-found: Invalid input at /id",
                item_reasons={1: "not-found: Invalid input at /id"},
            ),
            id="404-names-a-profile",
        ),
        pytest.param(
            404,
            error_body({"code": "not_found", "source": {"parameter": "id"}}),
            NotFound(status=404, reason="not-found: Invalid input"),
            id="404-list",
        ),
        pytest.param(
            404,
            b"404 page not found",
            Temporary(status=404, reason="not-klaviyos-answer"),
            id="404-of-a-proxy-deletes-no-list",
        ),
        pytest.param(
            409,
            error_body(
                {"code": "duplicate_profile", "meta": {"duplicate_profile_id": "01P"}}
            ),
            Conflict(status=409, duplicate_profile_id="01P"),
            id="409-duplicate-profile",
        ),
        pytest.param(
            409,
            error_body({"code": "conflict"}),
            Rejected(status=409, reason="conflict: Invalid input"),
            id="409-other",
        ),
        pytest.param(
            410, b"", OperatorFault(status=410, reason="revision-retired"), id="410"
        ),
        pytest.param(413, _HTML, TooLarge(status=413), id="413"),
        pytest.param(414, b"", TooLarge(status=414), id="414"),
        pytest.param(
            422,
            error_body({"code": None, "title": 5}),
            Rejected(status=422, reason="http-422"),
            id="422-errors-without-words",
        ),
        pytest.param(408, b"", Temporary(status=408, reason="http-408"), id="408"),
        pytest.param(500, _HTML, Temporary(status=500, reason="http-500"), id="500"),
        pytest.param(
            503,
            error_body({"code": "error"}),
            Temporary(status=503, reason="http-503"),
            id="503-in-json",
        ),
        pytest.param(
            301, b"", OperatorFault(status=301, reason="redirected"), id="redirect"
        ),
        pytest.param(0, b"", Temporary(status=0, reason="http-0"), id="no-status"),
    ],
)
def test_an_answer_is_judged_by_status_and_body(
    status: int, body: bytes, answer: AttemptResult
) -> None:
    """Data is rejected only in Klaviyo's own words."""
    assert responses.parse_response(status, {}, body) == answer


def test_a_challenge_is_recognised_by_the_header() -> None:
    """The header marks a challenge page, whatever the body."""
    answer = responses.parse_response(
        403, {"cf-mitigated": "challenge"}, error_body({"code": "x"})
    )

    assert isinstance(answer, Temporary)
    assert answer.is_blocked


@pytest.mark.parametrize(
    ("headers", "wait_s"),
    [
        pytest.param({"retry-after": "12"}, 12.0, id="seconds"),
        pytest.param({"retry-after": "0"}, 0.0, id="zero"),
        pytest.param({"retry-after": "86399"}, 86_399.0, id="a-day"),
        pytest.param({"retry-after": "9" * 400}, 172_800.0, id="absurd-is-capped"),
        pytest.param({}, 1.0, id="missing"),
        pytest.param({"retry-after": "soon"}, 1.0, id="word"),
        pytest.param({"retry-after": "-5"}, 1.0, id="negative"),
        pytest.param(
            {
                "retry-after": "Wed, 15 Jul 2026 07:28:30 GMT",
                "date": "Wed, 15 Jul 2026 07:28:00 GMT",
            },
            30.0,
            id="date",
        ),
        pytest.param(
            {"retry-after": "Wed, 15 Jul 2026 07:28:30 GMT"}, 1.0, id="date-alone"
        ),
    ],
)
def test_retry_after_is_read_in_both_its_forms(
    headers: dict[str, str], wait_s: float
) -> None:
    """Without a valid value the wait is the burst window."""
    answer = responses.parse_response(429, headers, b"")

    assert answer == Throttled(status=429, retry_after_s=wait_s)


_MEMBERS = (
    *("data", "errors", "source", "pointer", "parameter", "meta", "code", "title"),
    *("id", "links", "next", "attributes", "duplicate_profile_id"),
)

_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(0, 99) | st.text(max_size=20),
    lambda children: (
        st.lists(children, max_size=4)
        | st.dictionaries(st.sampled_from(_MEMBERS), children, max_size=4)
    ),
    max_leaves=20,
)


@given(
    st.integers(0, 999),
    st.dictionaries(st.sampled_from(["retry-after", "date"]), st.text()),
    st.binary() | _JSON.map(orjson.dumps),
)
def test_no_bytes_can_break_the_reader(
    status: int, headers: dict[str, str], body: bytes
) -> None:
    """Any response becomes a result whose document can be read."""
    answer = responses.parse_response(status, headers, body)

    document = answer.data if isinstance(answer, Accepted) else {}
    assert isinstance(responses.single_resource_id(document), str)
    assert isinstance(responses.parse_page_link(document), PageLink)
    assert all(
        responses.resource_attributes(row) is not None
        for row in responses.resources(document)
    )


@pytest.mark.parametrize(
    ("links", "link"),
    [
        pytest.param({}, LastPage(), id="last-page"),
        pytest.param({"next": None}, LastPage(), id="last-page-null"),
        pytest.param(
            {"next": f"{_PAGE}?page%5Bcursor%5D=a%2Bb%3D"},
            NextPage("a+b="),
            id="encoded",
        ),
        pytest.param(
            {"next": "https://evil.example/x?page[cursor]=c"},
            NextPage("c"),
            id="other-host",
        ),
        pytest.param({"next": _PAGE}, InvalidPageLink(), id="no-cursor"),
        pytest.param({"next": 7}, InvalidPageLink(), id="no-link"),
        pytest.param({"next": "http://[broken"}, InvalidPageLink(), id="no-url"),
    ],
)
def test_only_the_cursor_is_taken_from_a_link(
    links: dict[str, object], link: PageLink
) -> None:
    """Invalid links do not count as the last page."""
    assert responses.parse_page_link({"links": links}) == link
