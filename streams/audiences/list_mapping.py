"""Which Klaviyo list stands for an audience: a row of the audience-lists topic."""

from collections.abc import Mapping

import msgspec


class ListMapping(msgspec.Struct, frozen=True, kw_only=True):
    """An audience's list.

    Attributes:
        list_id: Klaviyo's id; empty when it takes no list of that name.
        created: It was made for the audience, not found.
        refusal_reason: Why there is none.
    """

    list_id: str
    created: bool = False
    refusal_reason: str = ""


class ListRequest(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Ask for an audience's list; `missing_list_id` names one that Klaviyo no longer has."""

    audience: str
    missing_list_id: str = ""


_LIST_MAPPING_DECODER = msgspec.json.Decoder(ListMapping)
_decode_request = msgspec.json.Decoder(ListRequest).decode
encode_json = msgspec.json.encode


NO_LIST_MAPPING = ListMapping(list_id="")


def list_mapping_of(rows: Mapping[bytes, bytes], audience: str) -> ListMapping:
    """An audience's pairing; `NONE` when there is none yet."""
    row = rows.get(audience.encode())
    return decode_list_mapping(row) if row else NO_LIST_MAPPING


def decode_list_mapping(value: bytes) -> ListMapping:
    """Read a pairing.

    Raises:
        msgspec.MsgspecError: It is something else.
    """
    return _LIST_MAPPING_DECODER.decode(value)


def decode_list_request(value: bytes) -> ListRequest:
    """Read a request.

    Raises:
        msgspec.MsgspecError: It is something else.
    """
    return _decode_request(value)
