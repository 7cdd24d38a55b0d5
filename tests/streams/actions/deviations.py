"""Where this project's effect differs from the recorded one, on purpose: the rules.

`streams/DEVIATIONS.md` says for each what Segment does, what is done here, and why.
"""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from streams.actions.intents import ActionResult, Intent, ListRemove, PayloadRefusal
from tests.streams.actions.account_effects import Key
from tests.streams.actions.recorded_effects import EventFate, RecordedLine

PAGE_ITEMS = 20
"""Klaviyo's default page, which Segment never turns."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A recorded line beside what this project makes of it."""

    line: RecordedLine
    results: list[ActionResult | None]

    @property
    def batch(self) -> bool:
        """Whether Segment was given the events as a batch."""
        return bool(self.line["input"]["mode"] == "batch")

    @property
    def dropped(self) -> set[str]:
        """Emails of those whose bad phone was dropped."""
        named = [
            getattr(intent, "identifiers", None) or getattr(intent, "profile", {})
            for intent in self.intents
            if "bad-phone" in intent.dropped
        ]
        return {who["email"] for who in named}

    @property
    def intents(self) -> list[Intent]:
        """All that is wanted of Klaviyo."""
        return [
            intent
            for result in self.results
            for intent in (result if isinstance(result, tuple) else ())
        ]

    @property
    def lists(self) -> set[str]:
        """Every list that an item or a recorded request names; empty for none."""
        recorded = re.findall(
            r'"list", "id": "(.+?)"', json.dumps(self.line["requests"])
        )
        return {*recorded, *(getattr(it, "list_id", "") for it in self.intents)}

    def requests_of(self, method: str) -> list[dict[str, Any]]:
        """Recorded requests of one method."""
        return [
            request for request in self.line["requests"] if request["method"] == method
        ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """A fact, or an event's fate, that is not the recorded one; None is no fact."""

    key: Key
    theirs: Any
    ours: Any

    @property
    def fact_kind(self) -> str:
        """What kind of fact it is."""
        return str(self.key[0])

    @property
    def email(self) -> str:
        """The email address it is about."""
        who = self.key[1] if isinstance(self.key[1], tuple) else ()
        return str(dict(who).get("email", ""))


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One row of the table: when it explains a difference."""

    defect: str
    explains: Callable[[Case, Difference], object]


def _only_ours(found: Difference) -> bool:
    return found.theirs is None and found.ours is not None


def _international(email: str) -> bool:
    return not email.isascii() or "'" in email


def _email_of(case: Case, found: Difference) -> str:
    """The address of the event whose fate differs, read anywhere in it."""
    if found.fact_kind != "fate":
        return found.email
    event = case.line["input"]["events"][found.key[1]]
    places = (event.get("traits"), (event.get("context") or {}).get("traits"))
    return next((str(at["email"]) for at in places if at and at.get("email")), "")


def _sent_instead(found: Difference) -> bool:
    return _only_ours(found) or (found.theirs, found.ours) == (
        EventFate.REFUSED,
        EventFate.SENT,
    )


def _mended_time(found: Difference) -> bool:
    theirs = (found.theirs or {}).get("time", (found.theirs or {}).get("at"))
    rest = {**(found.theirs or {}), **(found.ours or {})}
    wrong = isinstance(theirs, int | float) or str(theirs) < "1990"
    return wrong and rest == found.ours


def _without(told: dict[str, Any], name: str) -> dict[str, Any]:
    custom = {key: value for key, value in told["properties"].items() if key != name}
    return {**told, "properties": custom}


RULES = (
    Rule(
        defect="1",
        explains=lambda case, found: (
            found.fact_kind == "member"
            and _only_ours(found)
            and len(case.line["input"]["events"]) > PAGE_ITEMS
        ),
    ),
    Rule(
        defect="2",
        explains=lambda case, found: (
            _only_ours(found)
            and any(request["status"] == 400 for request in case.requests_of("GET"))
        ),
    ),
    Rule(
        defect="4",
        explains=lambda case, found: (
            found.fact_kind == "member"
            and _only_ours(found)
            and any(
                request["body"]["data"] == [{"type": "profile"}]
                for request in case.requests_of("POST")
            )
        ),
    ),
    Rule(
        defect="5",
        explains=lambda case, found: (
            found.fact_kind == "profile"
            and _only_ours(found)
            and any(request["status"] == 409 for request in case.requests_of("POST"))
            and not case.requests_of("PATCH")
        ),
    ),
    Rule(
        defect="8",
        explains=lambda case, found: (
            case.batch and found.fact_kind == "consent" and len(case.lists) > 1
        ),
    ),
    Rule(
        defect="9",
        explains=lambda case, found: (
            _sent_instead(found)
            and "Exceeded maximum" in str(case.line["outcome"].get("error"))
        ),
    ),
    Rule(
        defect="10",
        explains=lambda case, found: (
            case.batch
            and found.fact_kind == "fate"
            and (found.theirs, found.ours) == (EventFate.SENT, EventFate.REFUSED)
            and isinstance(case.results[found.key[1]], PayloadRefusal)
        ),
    ),
    Rule(
        defect="11, 16",
        explains=lambda case, found: (
            found.fact_kind == "event"
            and _only_ours(found)
            and "fail" in case.line["input"].get("server", {})
        ),
    ),
    Rule(
        defect="12, 14",
        explains=lambda case, found: (
            case.batch and found.fact_kind == "member" and len(case.lists) > 1
        ),
    ),
    Rule(
        defect="18",
        explains=lambda _, found: (
            found.fact_kind in {"event", "consent"} and _mended_time(found)
        ),
    ),
    Rule(
        defect="29",
        explains=lambda _, found: (
            found.fact_kind == "profile"
            and found.theirs is not None
            and _without(found.theirs, "country_code") == found.ours
        ),
    ),
    Rule(
        defect="33",
        explains=lambda case, found: (
            _sent_instead(found) and _international(_email_of(case, found))
        ),
    ),
    Rule(
        defect="35",
        explains=lambda case, found: (
            found.fact_kind == "member"
            and (found.theirs, found.ours) == ("out", None)
            and any(
                isinstance(intent, ListRemove) and len(intent.identifiers) > 1
                for intent in case.intents
            )
        ),
    ),
    Rule(
        defect="policy",
        explains=lambda case, found: (
            _sent_instead(found) and _email_of(case, found) in case.dropped
        ),
    ),
)
