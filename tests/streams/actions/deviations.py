"""Rules for deliberate differences from the recorded effects of Segment.

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
    """Recorded line, and the results of this project for the line."""

    line: RecordedLine
    results: list[ActionResult | None]

    @property
    def batch(self) -> bool:
        """True if Segment got the events as a batch."""
        return bool(self.line["input"]["mode"] == "batch")

    @property
    def dropped(self) -> set[str]:
        """E-mail addresses of profiles with a dropped phone number."""
        profiles = [
            getattr(intent, "identifiers", None) or getattr(intent, "profile", {})
            for intent in self.intents
            if "bad-phone" in intent.dropped
        ]
        return {who["email"] for who in profiles}

    @property
    def intents(self) -> list[Intent]:
        """All intents of the line's events."""
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
        """Return the recorded requests of a method."""
        return [
            request for request in self.line["requests"] if request["method"] == method
        ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """Fact or event's fate that differs from the record; None stands for no fact."""

    key: Key
    theirs: Any
    ours: Any

    @property
    def fact_kind(self) -> str:
        """Kind of the fact that differs."""
        return str(self.key[0])

    @property
    def email(self) -> str:
        """E-mail address of the profile that differs."""
        who = self.key[1] if isinstance(self.key[1], tuple) else ()
        return str(dict(who).get("email", ""))


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """Row of the table of deviations, with the differences that the row explains."""

    defect: str
    explains: Callable[[Case, Difference], object]


def _only_ours(difference: Difference) -> bool:
    return difference.theirs is None and difference.ours is not None


def _international(email: str) -> bool:
    return not email.isascii() or "'" in email


def _email_of(case: Case, difference: Difference) -> str:
    """Return the address of the event with another fate, from anywhere in the event."""
    if difference.fact_kind != "fate":
        return difference.email
    event = case.line["input"]["events"][difference.key[1]]
    traits_objects = (event.get("traits"), (event.get("context") or {}).get("traits"))
    return next(
        (str(at["email"]) for at in traits_objects if at and at.get("email")), ""
    )


def _sent_instead(difference: Difference) -> bool:
    return _only_ours(difference) or (difference.theirs, difference.ours) == (
        EventFate.REFUSED,
        EventFate.SENT,
    )


def _mended_time(difference: Difference) -> bool:
    theirs = (difference.theirs or {}).get("time", (difference.theirs or {}).get("at"))
    rest = {**(difference.theirs or {}), **(difference.ours or {})}
    wrong = isinstance(theirs, int | float) or str(theirs) < "1990"
    return wrong and rest == difference.ours


def _without(fact: dict[str, Any], name: str) -> dict[str, Any]:
    custom = {key: value for key, value in fact["properties"].items() if key != name}
    return {**fact, "properties": custom}


RULES = (
    Rule(
        defect="1",
        explains=lambda case, difference: (
            difference.fact_kind == "member"
            and _only_ours(difference)
            and len(case.line["input"]["events"]) > PAGE_ITEMS
        ),
    ),
    Rule(
        defect="2",
        explains=lambda case, difference: (
            _only_ours(difference)
            and any(request["status"] == 400 for request in case.requests_of("GET"))
        ),
    ),
    Rule(
        defect="4",
        explains=lambda case, difference: (
            difference.fact_kind == "member"
            and _only_ours(difference)
            and any(
                request["body"]["data"] == [{"type": "profile"}]
                for request in case.requests_of("POST")
            )
        ),
    ),
    Rule(
        defect="5",
        explains=lambda case, difference: (
            difference.fact_kind == "profile"
            and _only_ours(difference)
            and any(request["status"] == 409 for request in case.requests_of("POST"))
            and not case.requests_of("PATCH")
        ),
    ),
    Rule(
        defect="8",
        explains=lambda case, difference: (
            case.batch and difference.fact_kind == "consent" and len(case.lists) > 1
        ),
    ),
    Rule(
        defect="9",
        explains=lambda case, difference: (
            _sent_instead(difference)
            and "Exceeded maximum" in str(case.line["outcome"].get("error"))
        ),
    ),
    Rule(
        defect="10",
        explains=lambda case, difference: (
            case.batch
            and difference.fact_kind == "fate"
            and (difference.theirs, difference.ours)
            == (EventFate.SENT, EventFate.REFUSED)
            and isinstance(case.results[difference.key[1]], PayloadRefusal)
        ),
    ),
    Rule(
        defect="11, 16",
        explains=lambda case, difference: (
            difference.fact_kind == "event"
            and _only_ours(difference)
            and "fail" in case.line["input"].get("server", {})
        ),
    ),
    Rule(
        defect="12, 14",
        explains=lambda case, difference: (
            case.batch and difference.fact_kind == "member" and len(case.lists) > 1
        ),
    ),
    Rule(
        defect="18",
        explains=lambda _, difference: (
            difference.fact_kind in {"event", "consent"} and _mended_time(difference)
        ),
    ),
    Rule(
        defect="29",
        explains=lambda _, difference: (
            difference.fact_kind == "profile"
            and difference.theirs is not None
            and _without(difference.theirs, "country_code") == difference.ours
        ),
    ),
    Rule(
        defect="33",
        explains=lambda case, difference: (
            _sent_instead(difference) and _international(_email_of(case, difference))
        ),
    ),
    Rule(
        defect="35",
        explains=lambda case, difference: (
            difference.fact_kind == "member"
            and (difference.theirs, difference.ours) == ("out", None)
            and any(
                isinstance(intent, ListRemove) and len(intent.identifiers) > 1
                for intent in case.intents
            )
        ),
    ),
    Rule(
        defect="policy",
        explains=lambda case, difference: (
            _sent_instead(difference) and _email_of(case, difference) in case.dropped
        ),
    ),
)
