"""Table of action and change of a row: default, explicit, or refused with the reason.

The defaults are those of Segment's Reverse ETL, but that a deleted row subscribes
nobody unless the mapping says so. Segment's own table calls that "not intuitive".
"""

from enum import StrEnum
from typing import Final, NamedTuple

from streams.events.row import RowChange


class CellKind(StrEnum):
    """Treatment of a change of rows by an action."""

    DEFAULT = "default"
    """The change starts the action without being written out."""

    EXPLICIT = "explicit"
    """The change starts the action if `on` or the trigger names it."""

    REFUSED = "refused"
    """The change never starts the action: `check` refuses the mapping."""


class Cell(NamedTuple):
    """Treatment of a kind of row change by an action.

    Attributes:
        kind: Treatment of the change.
        note: Warning for a mapping that names the change, or the reason and the fix of
            a refusal; empty for no warning.
    """

    kind: CellKind
    note: str = ""


_DEFAULT: Final = Cell(CellKind.DEFAULT)
_EXPLICIT: Final = Cell(CellKind.EXPLICIT)


def _warned(note: str, *, kind: CellKind = CellKind.EXPLICIT) -> Cell:
    return Cell(kind, note)


def _refused(reason: str) -> Cell:
    return Cell(CellKind.REFUSED, reason)


_UNSURE_CONSENT: Final = (
    "each update of the row {verb} the person again, whatever column changed; name the"
    " column of the consent in when_changed, and its value in the trigger"
)
_ERASED: Final = (
    "deletes profiles in Klaviyo for good; a query that returns the wrong rows does so"
    " too"
)
_SUPPRESSED: Final = (
    "a vanished row is no request to be left alone, and a query that returns too few"
    " rows suppresses everybody who is missing"
)

CELLS: Final[dict[str, dict[RowChange, Cell]]] = {
    action: dict(zip(RowChange, cells, strict=True))
    for action, cells in {
        "orderCompleted": (
            _DEFAULT,
            _refused(
                "would record the order again; use trackEvent with another metric"
            ),
            _refused("would record an order that is gone; use trackEvent"),
        ),
        "trackEvent": (_DEFAULT, _EXPLICIT, _EXPLICIT),
        "upsertProfile": (
            _DEFAULT,
            _DEFAULT,
            _refused("has no columns to write; name what to clear in clear"),
        ),
        "addProfileToList": (
            _DEFAULT,
            _DEFAULT,
            _refused("would add who is gone; use removeProfileFromList"),
        ),
        "removeProfileFromList": (_DEFAULT, _EXPLICIT, _DEFAULT),
        "removeProfile": (_DEFAULT, _EXPLICIT, _DEFAULT),
        "subscribeProfile": (
            _DEFAULT,
            _warned(_UNSURE_CONSENT.format(verb="subscribes")),
            _warned("a vanished row is no consent"),
        ),
        "unsubscribeProfile": (
            _DEFAULT,
            _warned(_UNSURE_CONSENT.format(verb="unsubscribes")),
            _warned(
                "a vanished row is no withdrawal of consent; a query that returns too"
                " few rows unsubscribes everybody who is missing",
                kind=CellKind.DEFAULT,
            ),
        ),
        "suppressProfile": (_EXPLICIT, _EXPLICIT, _warned(_SUPPRESSED)),
        "unsuppressProfile": (_EXPLICIT, _EXPLICIT, _EXPLICIT),
        "deleteProfile": (_warned(_ERASED), _warned(_ERASED), _warned(_ERASED)),
    }.items()
}
"""Action -> change -> treatment."""


def default_changes(action: str) -> frozenset[RowChange]:
    """Return the changes that start an action by default; empty for none."""
    cells = CELLS[action]
    return frozenset(
        change for change in RowChange if cells[change].kind is CellKind.DEFAULT
    )
