"""Read JSON:API bodies, and report each error with a pointer."""

from streams.sandbox.jsonapi.errors import bad_request
from streams.sandbox.jsonapi.messages import JsonObject


def resource(body: object, *, kind: str) -> JsonObject:
    """Return member `data` of a request, an object of the given type.

    Raises:
        ErrorResponse: 400, with a pointer.
    """
    data = required_object(body, "data", pointer="")
    check_type(data, kind=kind, pointer="/data")
    return data


def required_object(parent: object, name: str, *, pointer: str) -> JsonObject:
    """Return a member that must be an object.

    Args:
        parent: Object that should contain the member.
        name: Name of the member.
        pointer: JSON pointer of the parent.

    Raises:
        ErrorResponse: 400, with the pointer of the member.
    """
    if not isinstance(parent, dict):
        raise bad_request("An object is required.", pointer=pointer or "/")
    value = parent.get(name)
    if not isinstance(value, dict):
        raise bad_request(
            f"'{name}' is a required object.", pointer=f"{pointer}/{name}"
        )
    return value


def optional_object(parent: JsonObject, name: str, *, pointer: str) -> JsonObject:
    """Return a member that may be absent or null, and otherwise must be an object.

    Raises:
        ErrorResponse: 400, with the pointer of the member.
    """
    return (
        {}
        if parent.get(name) is None
        else required_object(parent, name, pointer=pointer)
    )


def data_rows(
    parent: object, *, pointer: str, maximum: int, minimum: int = 1
) -> list[JsonObject]:
    """Return member `data`, required to be a list of objects.

    Args:
        parent: Object that should contain the list.
        pointer: JSON pointer of the parent; empty for the body itself.
        maximum: Largest number of rows.
        minimum: Smallest number of rows.

    Raises:
        ErrorResponse: 400, with the pointer of the list or of the row.
    """
    rows = parent.get("data") if isinstance(parent, dict) else None
    if not isinstance(rows, list):
        raise bad_request("'data' is a required list.", pointer=f"{pointer}/data")
    if not minimum <= len(rows) <= maximum:
        raise bad_request(
            f"Between {minimum} and {maximum} items are allowed, not {len(rows)}.",
            pointer=f"{pointer}/data",
        )
    for index, row in enumerate(rows):
        if not isinstance(row, dict):
            raise bad_request(
                "An object is required.", pointer=f"{pointer}/data/{index}"
            )
    return rows


def check_type(item: JsonObject, *, kind: str, pointer: str) -> None:
    """Check member `type` of a resource.

    Raises:
        ErrorResponse: 400, with the pointer of the member.
    """
    if item.get("type") != kind:
        raise bad_request(f"'type' must be '{kind}'.", pointer=f"{pointer}/type")


def required_text(parent: JsonObject, name: str, *, pointer: str) -> str:
    """Return a member that must be a string that is not blank.

    Raises:
        ErrorResponse: 400, with the pointer of the member.
    """
    value = parent.get(name)
    if not isinstance(value, str) or not value.strip():
        raise bad_request(
            f"'{name}' is a required string.", pointer=f"{pointer}/{name}"
        )
    return value


def resource_ids(
    items: list[JsonObject], *, kind: str, pointer: str = "/data"
) -> list[str]:
    """Return the ids of resource identifiers, all of the same type.

    Raises:
        ErrorResponse: 400, with the pointer of the first wrong identifier.
    """
    found_ids = []
    for index, item in enumerate(items):
        item_pointer = f"{pointer}/{index}"
        check_type(item, kind=kind, pointer=item_pointer)
        found_ids.append(required_text(item, "id", pointer=item_pointer))
    return found_ids
