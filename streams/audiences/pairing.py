"""Which Klaviyo list stands for an audience: a row of the lists topic."""

from collections.abc import Mapping

import msgspec


class Pairing(msgspec.Struct, frozen=True, kw_only=True):
    """An audience's list.

    Attributes:
        list_id: Klaviyo's id; empty when it takes no list of that name.
        created: It was made for the audience, not found.
        refused: Why there is none.
    """

    list_id: str
    created: bool = False
    refused: str = ""


class PairingRequest(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Ask for an audience's list; `gone` names one that Klaviyo no longer has."""

    audience: str
    gone: str = ""


_PAIRING = msgspec.json.Decoder(Pairing)
_request = msgspec.json.Decoder(PairingRequest).decode
encode = msgspec.json.encode


NONE = Pairing(list_id="")


def paired(rows: Mapping[bytes, bytes], audience: str) -> Pairing:
    """An audience's pairing; `NONE` when there is none yet."""
    row = rows.get(audience.encode())
    return decode_pairing(row) if row else NONE


def decode_pairing(value: bytes) -> Pairing:
    """Read a pairing.

    Raises:
        msgspec.MsgspecError: It is something else.
    """
    return _PAIRING.decode(value)


def decode_request(value: bytes) -> PairingRequest:
    """Read a request.

    Raises:
        msgspec.MsgspecError: It is something else.
    """
    return _request(value)
