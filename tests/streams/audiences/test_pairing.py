"""The row that pairs an audience with a list."""

import msgspec
import pytest

from streams.audiences.pairing import (
    NONE,
    Pairing,
    PairingRequest,
    decode_request,
    encode,
    paired,
)


@pytest.mark.parametrize(
    "pairing",
    [
        pytest.param(Pairing(list_id="L1", created=True), id="created"),
        pytest.param(Pairing(list_id="L1"), id="found"),
        pytest.param(Pairing(list_id="", refused="invalid: bad name"), id="refused"),
    ],
)
def test_a_pairing_is_found_by_its_audience(pairing: Pairing) -> None:
    """Whatever is in the key, Unicode too."""
    rows = {"käufer/1".encode(): encode(pairing), b"other": encode(NONE)}

    assert paired(rows, "käufer/1") == pairing


@pytest.mark.parametrize(
    "rows",
    [
        pytest.param({}, id="never-asked-for"),
        pytest.param({b"vip": b""}, id="an-empty-row"),
    ],
)
def test_an_audience_without_a_row_has_no_list(rows: dict[bytes, bytes]) -> None:
    """Not refused either: it is to be asked for."""
    assert paired(rows, "vip") == NONE
    assert (NONE.list_id, NONE.refused) == ("", "")


@pytest.mark.parametrize(
    "request_",
    [
        pytest.param(PairingRequest(audience="vip"), id="first"),
        pytest.param(PairingRequest(audience="vip", gone="L1"), id="in-place-of-one"),
    ],
)
def test_a_request_survives_its_bytes(request_: PairingRequest) -> None:
    """With the list that is gone."""
    assert decode_request(encode(request_)) == request_


@pytest.mark.parametrize("value", [b"", b"vip", b"{}"], ids=["none", "text", "no-key"])
def test_something_else_is_no_request(value: bytes) -> None:
    """It is refused, not guessed."""
    with pytest.raises(msgspec.MsgspecError):
        decode_request(value)
