"""Reading of the parts of a mapping that select rows, with the table's refusals."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from streams.actions.spec import ActionSpec
from streams.destination.problems import ConfigProblems
from streams.destination.rows.cells import CELLS, CellKind, default_changes
from streams.destination.rows.payload import IDENTIFIERS
from streams.destination.rows.selection import RowSelection
from streams.events.row import KEY_FIELD, RowChange
from streams.mapping.values import Json
from streams.triggers.names import events_by_name, may_match
from streams.triggers.trigger import Trigger

ROW_FIELDS: Final = ("model", "on", "when_changed", "clear")
"""Parts of a mapping that are about rows."""

CHANGES_BY_NAME: Final = {
    "added": RowChange.ADDED,
    "updated": RowChange.UPDATED,
    "deleted": RowChange.DELETED,
}
"""Names of changes in `on`, to the changes."""

_NAMES_OF_CHANGES: Final = {change: name for name, change in CHANGES_BY_NAME.items()}
_CONSENTS: Final = frozenset({"subscribeProfile", "unsubscribeProfile"})
_EVENT_NAME: Final = {"@path": "$.event"}
_ROW_KEY: Final = {"@path": f"$.{KEY_FIELD}"}


@dataclass(frozen=True, slots=True, kw_only=True)
class RowReader:
    """Reader of the row parts of a mapping.

    Attributes:
        parts: Parts of the mapping; Segment's names are replaced.
        action: The mapping's action.
        trigger: The trigger that the mapping writes out; None if it writes none.
        fields: Directives of the mapping, by field.
        at: Path of the mapping in the file.
        problems: Collects problems and warnings.
    """

    parts: dict[str, Json]
    action: ActionSpec
    trigger: Trigger | None
    fields: dict[str, Any]
    at: str
    problems: ConfigProblems

    def read(self) -> RowSelection | None:
        """Return the selection; None if rows never start the mapping."""
        model = self._text("model")
        model_id = "" if model else self._text("modelId")
        written = self._written_changes()
        named_by_trigger = self._changes_of_trigger()
        if not (model or model_id or named_by_trigger):
            self._refuse_parts_without_rows()
            return None
        selection = RowSelection(
            changes=self._changes(written, named_by_trigger),
            model=model or model_id,
            takes_unnamed=bool(model_id),
            when_changed=frozenset(self._texts("when_changed")),
            clear=self._texts("clear"),
            is_only_rows=bool(model or written),
        )
        self._check(selection)
        return selection

    def _text(self, part: str) -> str:
        return self.problems.text_at(self.parts.get(part), at=f"{self.at}.{part}")

    def _texts(self, part: str) -> tuple[str, ...]:
        return self.problems.texts_at(self.parts.get(part), at=f"{self.at}.{part}")

    def _written_changes(self) -> frozenset[RowChange]:
        names = self._texts("on")
        self.problems.add_unknown_names(
            names, CHANGES_BY_NAME, at=f"{self.at}.on: ", what="change of a row"
        )
        return frozenset(
            CHANGES_BY_NAME[name] for name in names if name in CHANGES_BY_NAME
        )

    def _changes_of_trigger(self) -> frozenset[RowChange]:
        if self.trigger is None:
            return frozenset()
        events = events_by_name(self.trigger.node)
        return frozenset(change for change in RowChange if change in events)

    def _refuse_parts_without_rows(self) -> None:
        for part in ROW_FIELDS[1:]:
            if self.parts.get(part) is not None:
                fix = "name the model of the rows in model"
                self.problems.add(f"{self.at}.{part}", f"is for rows; {fix}")

    def _changes(
        self, written: frozenset[RowChange], named_by_trigger: frozenset[RowChange]
    ) -> frozenset[RowChange]:
        """Return the changes: those written out, else the defaults of the action."""
        by_default = default_changes(self.action.name)
        if self.parts.get("clear") is not None:
            by_default |= {RowChange.DELETED}
        changes = written or named_by_trigger or by_default
        if self.trigger is None:
            return changes
        node = self.trigger.node
        possible = {c for c in changes if may_match(node, kind="track", event=c.value)}
        if named_by_trigger:
            possible &= named_by_trigger
        for change in written - possible:
            message = f"the trigger matches no {_NAMES_OF_CHANGES[change]} rows"
            self.problems.add(f"{self.at}.on", message)
        return frozenset(possible)

    def _check(self, selection: RowSelection) -> None:
        if not selection.changes:
            message = f"is missing: {self.action.name} runs for no rows by default;"
            self.problems.add(f"{self.at}.on", f"{message} name the changes")
        for change in sorted(selection.changes):
            self._check_cell(selection, change)
        if selection.when_changed and RowChange.UPDATED not in selection.changes:
            message = "has no effect: updated rows do not start the mapping"
            self.problems.add(f"{self.at}.when_changed", message)
        for message in self._problems_of_clear(selection):
            self.problems.add(f"{self.at}.clear", message)
        self._check_event_fields(selection)

    def _check_cell(self, selection: RowSelection, change: RowChange) -> None:
        kind, note = CELLS[self.action.name][change]
        name = _NAMES_OF_CHANGES[change]
        if kind is CellKind.REFUSED:
            if not selection.clear:
                message = f"{self.action.name} for {name} rows {note}"
                self.problems.add(f"{self.at}.{self._key_of_changes}", message)
        elif note and not (change is RowChange.UPDATED and selection.when_changed):
            self.problems.warn(f"{self.at}.{self._key_of_changes}", f"{name}: {note}")

    @property
    def _key_of_changes(self) -> str:
        return "trigger" if self.parts.get("on") is None and self.trigger else "on"

    def _problems_of_clear(self, selection: RowSelection) -> Iterator[str]:
        if self.parts.get("clear") is None:
            return
        if self.action.name != "upsertProfile":
            yield "is for upsertProfile only"
        for name in selection.clear:
            if name in IDENTIFIERS:
                yield f"{name} is an identifier: the profile could not be found again"

    def _check_event_fields(self, selection: RowSelection) -> None:
        if self.action.name != "trackEvent":
            return
        key = "mapping" if self.parts.get("mapping") is not None else "fields"
        at = f"{self.at}.{key}"
        if self.fields.get("metric_name") == _EVENT_NAME:
            names = ", ".join(sorted(selection.changes))
            message = f"is the event's name, which makes metrics named {names}"
            message = f"{message}; write the metric's name"
            is_wrong = RowChange.DELETED in selection.changes
            report = self.problems.add if is_wrong else self.problems.warn
            report(f"{at}.metric_name", message)
        is_key = self.fields.get("unique_id") == _ROW_KEY
        if is_key and RowChange.UPDATED in selection.changes:
            message = "is the row's key: Klaviyo keeps one event a row; leave it out"
            self.problems.warn(f"{at}.unique_id", message)


def trigger_text(selection: RowSelection) -> str:
    """Return the trigger of a mapping that names a model and no trigger."""
    return " or ".join(f'event = "{change}"' for change in sorted(selection.changes))
