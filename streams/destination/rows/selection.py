"""Selection of rows by a mapping: model, changes and changed columns."""

from dataclasses import dataclass
from typing import Any

from streams.events.row import RowChange, changed_columns, row_change, row_model


@dataclass(frozen=True, slots=True, kw_only=True)
class RowSelection:
    """Selection of the rows that start a mapping, in addition to the mapping's trigger.

    Attributes:
        changes: Changes of a row that start the mapping.
        model: Model of the rows; empty for every model.
        takes_unnamed: Whether a row that names no model counts as one of the model:
            Segment's own rows name none.
        when_changed: Columns of which an update must change at least one; empty for any
            update.
        clear: Attributes and custom properties that a deleted row clears, and a column
            that is NULL.
        is_only_rows: Whether other events never start the mapping.
    """

    changes: frozenset[RowChange]
    model: str = ""
    takes_unnamed: bool = False
    when_changed: frozenset[str] = frozenset()
    clear: tuple[str, ...] = ()
    is_only_rows: bool = False

    def accepts(self, body: dict[str, Any]) -> bool:
        """Return True if the selection includes a row event.

        An update of which nobody knows the changed columns is not, where the mapping
        depends on them.
        """
        change = row_change(body)
        if change not in self.changes or not self._has_model(row_model(body)):
            return False
        if change is not RowChange.UPDATED or not self.when_changed:
            return True
        return not self.when_changed.isdisjoint(changed_columns(body) or ())

    def _has_model(self, model: str) -> bool:
        if not model and self.takes_unnamed:
            return True
        return not self.model or model == self.model


EVERY_ROW = RowSelection(changes=frozenset(RowChange))
"""Selection of a mapping that is tested by itself."""
