"""Mapping of an audience to a Klaviyo list: a row of the audience-lists topic."""

from collections.abc import Mapping
from typing import Final

import msgspec


class ListMapping(msgspec.Struct, frozen=True, kw_only=True):
    """Klaviyo list of an audience.

    Attributes:
        list_id: Klaviyo's id; empty if Klaviyo accepts no list of that name.
        created: Whether the list was created for the audience, rather than found.
        refusal_reason: Klaviyo's reason for accepting no such list.
    """

    list_id: str
    created: bool = False
    refusal_reason: str = ""


class ListRequest(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Request for the list of an audience.

    Attributes:
        audience: The audience key.
        missing_list_id: The audience's previous list, which Klaviyo no longer has.
    """

    audience: str
    missing_list_id: str = ""


_LIST_MAPPING_DECODER: Final = msgspec.json.Decoder(ListMapping)
_decode_request = msgspec.json.Decoder(ListRequest).decode
encode_json = msgspec.json.encode

NO_LIST_MAPPING: Final = ListMapping(list_id="")


def list_mapping_of(rows: Mapping[bytes, bytes], audience: str) -> ListMapping:
    """Return the mapping of an audience; `NO_LIST_MAPPING` if there is none yet."""
    row = rows.get(audience.encode())
    return decode_list_mapping(row) if row else NO_LIST_MAPPING


def decode_list_mapping(value: bytes) -> ListMapping:
    """Decode a row of the audience-lists topic.

    Raises:
        msgspec.MsgspecError: The value is not a list mapping.
    """
    return _LIST_MAPPING_DECODER.decode(value)


def decode_list_request(value: bytes) -> ListRequest:
    """Decode a record of the list-requests topic.

    Raises:
        msgspec.MsgspecError: The value is not a list request.
    """
    return _decode_request(value)
