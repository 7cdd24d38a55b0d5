"""Comparison of the requests that two destination files make of the same event."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec

from streams.mapping.values import Json

_MISSING: Final = object()


class RequestDifference(msgspec.Struct, frozen=True, kw_only=True):
    """Difference between the requests of two destination files for an event.

    Attributes:
        line: Number of the event's line, from 1.
        request: Method and path of the requests.
        first_mappings: Mappings of the first file that took the event.
        second_mappings: Mappings of the second file that took it.
        paths: Places in the bodies or queries that differ; empty if only one file
            makes the request.
        first: Request of the first file; None if it makes none.
        second: Request of the second file; None if it makes none.
    """

    line: int
    request: str
    first_mappings: tuple[str, ...]
    second_mappings: tuple[str, ...]
    paths: tuple[str, ...]
    first: Mapping[str, Json] | None
    second: Mapping[str, Json] | None

    @property
    def kind(self) -> str:
        """Kind of the difference: `only first`, `only second` or `differs`."""
        if self.second is None:
            return "only first"
        return "only second" if self.first is None else "differs"


def compare_answers(
    line: int, first: Mapping[str, Any], second: Mapping[str, Any]
) -> list[RequestDifference]:
    """Compare the answers of `explain` to an event.

    Requests of the same method and path are compared in their order.

    Args:
        line: Number of the event's line.
        first: Answer by the first file, with `matched` and `requests`.
        second: Answer by the second file.
    """
    differences = []
    firsts, seconds = _by_target(first), _by_target(second)
    for target in dict.fromkeys([*firsts, *seconds]):
        for one, other in _pairs(firsts.get(target, []), seconds.get(target, [])):
            paths = tuple(_differing_paths(one, other))
            if not paths:
                continue
            if one is None or other is None:
                paths = ()
            difference = RequestDifference(
                line=line,
                request=target,
                first_mappings=tuple(first.get("matched", ())),
                second_mappings=tuple(second.get("matched", ())),
                paths=paths,
                first=one,
                second=other,
            )
            differences.append(difference)
    return differences


def summarize(differences: Iterable[RequestDifference]) -> list[tuple[str, int]]:
    """Count differences by their kind, request and place; most frequent first."""
    counts = Counter(
        f"{one.kind}: {one.request}{f' at {path}' if path else ''}"
        for one in differences
        for path in (one.paths or ("",))
    )
    return counts.most_common()


def _by_target(answer: Mapping[str, Any]) -> dict[str, list[Mapping[str, Json]]]:
    by_target: dict[str, list[Mapping[str, Json]]] = {}
    for request in answer.get("requests", ()):
        target = f"{request['method']} {request['path']}"
        by_target.setdefault(target, []).append(request)
    return by_target


def _pairs(
    firsts: Sequence[Mapping[str, Json]], seconds: Sequence[Mapping[str, Json]]
) -> Iterator[tuple[Mapping[str, Json] | None, Mapping[str, Json] | None]]:
    for at in range(max(len(firsts), len(seconds))):
        one = firsts[at] if at < len(firsts) else None
        other = seconds[at] if at < len(seconds) else None
        yield one, other


def _differing_paths(one: Json, other: Json, at: str = "") -> Iterator[str]:
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        for name in dict.fromkeys([*one, *other]):
            values = one.get(name, _MISSING), other.get(name, _MISSING)
            yield from _differing_paths(*values, f"{at}.{name}" if at else name)
    elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        for item, other_item in zip(one, other, strict=True):
            yield from _differing_paths(item, other_item, f"{at}[]")
    elif one != other or type(one) is not type(other):
        yield at
