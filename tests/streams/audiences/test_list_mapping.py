"""The row that pairs an audience with a list."""

import msgspec
import pytest

from streams.audiences.list_mapping import (
    NO_LIST_MAPPING,
    ListMapping,
    ListRequest,
    decode_list_request,
    encode_json,
    list_mapping_of,
)


@pytest.mark.parametrize(
    "list_mapping",
    [
        pytest.param(ListMapping(list_id="L1", created=True), id="created"),
        pytest.param(ListMapping(list_id="L1"), id="found"),
        pytest.param(
            ListMapping(list_id="", refusal_reason="invalid: bad name"), id="refused"
        ),
    ],
)
def test_a_list_mapping_is_read_by_its_audience(list_mapping: ListMapping) -> None:
    """Whatever is in the key, Unicode too."""
    rows = {
        "käufer/1".encode(): encode_json(list_mapping),
        b"other": encode_json(NO_LIST_MAPPING),
    }

    assert list_mapping_of(rows, "käufer/1") == list_mapping


@pytest.mark.parametrize(
    "rows",
    [
        pytest.param({}, id="never-asked-for"),
        pytest.param({b"vip": b""}, id="an-empty-row"),
    ],
)
def test_an_audience_without_a_row_has_no_list(rows: dict[bytes, bytes]) -> None:
    """An audience without a mapping has no refusal, so the list is requested."""
    assert list_mapping_of(rows, "vip") == NO_LIST_MAPPING
    assert (NO_LIST_MAPPING.list_id, NO_LIST_MAPPING.refusal_reason) == ("", "")


@pytest.mark.parametrize(
    "request_",
    [
        pytest.param(ListRequest(audience="vip"), id="first"),
        pytest.param(
            ListRequest(audience="vip", missing_list_id="L1"), id="in-place-of-one"
        ),
    ],
)
def test_a_request_survives_its_bytes(request_: ListRequest) -> None:
    """With the list that is gone."""
    assert decode_list_request(encode_json(request_)) == request_


@pytest.mark.parametrize("value", [b"", b"vip", b"{}"], ids=["none", "text", "no-key"])
def test_something_else_is_no_request(value: bytes) -> None:
    """A value of another kind raises an error."""
    with pytest.raises(msgspec.MsgspecError):
        decode_list_request(value)
