"""Reading JSON:API bodies, each fault with its pointer."""

from streams.sandbox.calls import Json
from streams.sandbox.errors import refuse


def resource(body: object, *, kind: str) -> Json:
    """Return member `data` of a request, an object of the given type.

    Raises:
        Refusal: 400, with a pointer.
    """
    data = member(body, "data", pointer="")
    typed(data, kind=kind, pointer="/data")
    return data


def member(parent: object, name: str, *, pointer: str) -> Json:
    """Return a member that must be an object.

    Args:
        parent: What should hold it.
        name: Its name.
        pointer: JSON pointer of the parent.

    Raises:
        Refusal: 400, with the pointer of the member.
    """
    if not isinstance(parent, dict):
        raise refuse("An object is required.", pointer=pointer or "/")
    value = parent.get(name)
    if not isinstance(value, dict):
        raise refuse(f"'{name}' is a required object.", pointer=f"{pointer}/{name}")
    return value


def optional(parent: Json, name: str, *, pointer: str) -> Json:
    """Return a member that may be absent or null, else must be an object.

    Raises:
        Refusal: 400, with the pointer of the member.
    """
    return {} if parent.get(name) is None else member(parent, name, pointer=pointer)


def rows(parent: object, *, pointer: str, maximum: int, minimum: int = 1) -> list[Json]:
    """Return member `data` that must be a list of objects.

    Args:
        parent: What should hold it.
        pointer: JSON pointer of the parent; empty for the body itself.
        maximum: More rows are refused.
        minimum: Fewer rows are refused.

    Raises:
        Refusal: 400, with the pointer of the list or of the row.
    """
    found = parent.get("data") if isinstance(parent, dict) else None
    if not isinstance(found, list):
        raise refuse("'data' is a required list.", pointer=f"{pointer}/data")
    if not minimum <= len(found) <= maximum:
        raise refuse(
            f"Between {minimum} and {maximum} items are allowed, not {len(found)}.",
            pointer=f"{pointer}/data",
        )
    for index, row in enumerate(found):
        if not isinstance(row, dict):
            raise refuse("An object is required.", pointer=f"{pointer}/data/{index}")
    return found


def typed(item: Json, *, kind: str, pointer: str) -> None:
    """Check member `type` of a resource.

    Raises:
        Refusal: 400, with its pointer.
    """
    if item.get("type") != kind:
        raise refuse(f"'type' must be '{kind}'.", pointer=f"{pointer}/type")


def text(parent: Json, name: str, *, pointer: str) -> str:
    """Return a member that must be a string with something in it.

    Raises:
        Refusal: 400, with its pointer.
    """
    value = parent.get(name)
    if not isinstance(value, str) or not value.strip():
        raise refuse(f"'{name}' is a required string.", pointer=f"{pointer}/{name}")
    return value


def ids(items: list[Json], *, kind: str, pointer: str = "/data") -> list[str]:
    """Return the ids of resource identifiers, all of one type.

    Raises:
        Refusal: 400, with the pointer of the first that is wrong.
    """
    found = []
    for index, item in enumerate(items):
        here = f"{pointer}/{index}"
        typed(item, kind=kind, pointer=here)
        found.append(text(item, "id", pointer=here))
    return found
