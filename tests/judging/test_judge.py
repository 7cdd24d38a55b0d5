"""The judge accepts exactly what Klaviyo's SDK accepts."""

import orjson
import pytest

from streams.klaviyo.api import endpoints
from streams.klaviyo.api.endpoints import Endpoint
from streams.sandbox.operations import OPERATIONS, ApiOperation
from tests.judging import judge
from tests.judging.operations import find_operation, operations

UPSERT = "/api/profile-import"
EVENTS = "/api/events"
WHO = {"data": {"type": "profile", "attributes": {"external_id": "u1"}}}
METRIC = {"data": {"type": "metric", "attributes": {"name": "Viewed"}}}
OURS = [
    endpoint for endpoint in vars(endpoints).values() if isinstance(endpoint, Endpoint)
]


def profile(**attributes: object) -> bytes:
    """Return the body of a profile upsert."""
    data = {"type": "profile", "attributes": attributes}
    return orjson.dumps({"data": data})


def event(**attributes: object) -> bytes:
    """Return the body of an event."""
    said = {"profile": WHO, "metric": METRIC, "properties": {}, **attributes}
    return orjson.dumps({"data": {"type": "event", "attributes": said}})


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        pytest.param("POST", UPSERT, profile(email="a@b.cc"), id="profile"),
        pytest.param("POST", UPSERT, profile(_kx="1"), id="its-own-name"),
        pytest.param("POST", UPSERT, profile(properties={"any": [1]}), id="free"),
        pytest.param("POST", UPSERT, profile(title=None), id="null"),
        pytest.param("POST", EVENTS, event(value=9.5), id="event"),
        pytest.param("GET", "/api/lists/L1", b"", id="no-body"),
        pytest.param("GET", "/api/lists/a%2Fb/profiles", b"", id="encoded-id"),
    ],
)
def test_valid_requests_have_no_fault(method: str, path: str, body: bytes) -> None:
    """Valid requests have no fault."""
    assert judge(method, path, body) == ""


@pytest.mark.parametrize(
    ("method", "path", "body", "description"),
    [
        pytest.param(
            "POST", UPSERT, profile(emial="a@b.cc"), "/attributes/emial: Ex", id="name"
        ),
        pytest.param(
            "POST",
            UPSERT,
            profile(location={"ctiy": "Oslo"}),
            "/location/ctiy: Extra",
            id="name-below",
        ),
        pytest.param("POST", UPSERT, profile(kx="1"), "/kx: Extra", id="pythons-name"),
        pytest.param("POST", UPSERT, profile(email=5), "/email: Input", id="type"),
        pytest.param(
            "POST", EVENTS, event(profile=None), "/profile: Input", id="null-member"
        ),
        pytest.param("POST", EVENTS, b"{}", "/data: Field required", id="missing"),
        pytest.param("POST", EVENTS, b"", "Invalid JSON", id="no-body"),
        pytest.param("POST", EVENTS, b'{"data": "\\xff"}', "Invalid JSON", id="bytes"),
        pytest.param("GET", "/api/lists", b"{}", "takes no body", id="body"),
        pytest.param("POST", "/api/event", b"{}", "no operation", id="path"),
        pytest.param("PUT", EVENTS, b"{}", "no operation", id="method"),
        pytest.param("GET", "/api/lists/a/b", b"", "no operation", id="id-of-two"),
    ],
)
def test_unknown_members_are_faults(
    method: str, path: str, body: bytes, description: str
) -> None:
    """Unknown members are faults, although the SDK itself drops unknown members."""
    assert description in judge(method, path, body)


def test_many_faults_are_described_in_a_line() -> None:
    """The text holds the number of faults and the first faults."""
    fault = judge("POST", UPSERT, profile(**dict.fromkeys("abcdefgh")))

    assert "finds 8 mistakes" in fault
    assert "/data/attributes/a: " in fault
    assert "/data/attributes/h: " not in fault


@pytest.mark.parametrize("ours", OURS, ids=lambda ours: ours.name)
def test_every_request_we_have_is_one_of_klaviyos(ours: Endpoint) -> None:
    """Method, path and name are the SDK's."""
    operation = find_operation(ours.method, ours.path.replace("{id}", "L1"))

    assert operation is not None
    assert operation.name == ours.name


@pytest.mark.parametrize("theirs", OPERATIONS.values(), ids=lambda theirs: theirs.name)
def test_every_operation_of_the_sandbox_is_one_of_klaviyos(
    theirs: ApiOperation,
) -> None:
    """Operations that write have a model of the body."""
    operation = find_operation(theirs.method, theirs.path.replace("{id}", "L1"))

    assert operation is not None
    assert operation.name == theirs.name
    assert (operation.model is None) == (theirs.method == "GET")


def test_no_two_operations_are_the_same_request() -> None:
    """The SDK's other names for an operation are left out."""
    asked = [(operation.method, operation.path.pattern) for operation in operations()]

    assert len(asked) == len(set(asked))
