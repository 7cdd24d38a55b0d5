"""Effects of recorded requests on the small Klaviyo model, and fates of events."""

import json
import re
from enum import StrEnum
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from tests.streams.actions.account_effects import AccountEffects, Who, who_of

VECTORS = Path(__file__).parents[2] / "cases" / "segment"

_FILTER = re.compile(r"filter=any\((\w+),(\[.*\])\)")
_REFUSALS = ("PayloadValidationError", "AggregateAjvError")
_UNMATCHED = "does not match the subscription"

RecordedLine = dict[str, Any]


class EventFate(StrEnum):
    """Fate of a single event."""

    UNMATCHED = "unmatched"
    REFUSED = "refused"
    SENT = "sent"


def lines(action: str) -> list[RecordedLine]:
    """Read the recorded lines of an action; Segment has none of three."""
    file = VECTORS / f"{action}.jsonl"
    text = file.read_text() if file.exists() else ""
    return [json.loads(line) for line in text.splitlines()]


def recorded(line: RecordedLine) -> AccountEffects:
    """Return the account after the recorded requests.

    A request that an injected fault failed counts too: what matters is what was asked.
    """
    player = _RecordedPlayer()
    for request in line["requests"]:
        player.play(request)
    return player.klaviyo


class _RecordedPlayer:
    """Player of requests; a list change refers to the profiles requested before."""

    def __init__(self) -> None:
        self.klaviyo = AccountEffects()
        self.created: Who = ()
        self.looked_up: list[Who] = []

    def play(self, request: dict[str, Any]) -> None:
        """Apply a request to the account."""
        body = request["body"] or {"data": {}}
        path = request["path"].removeprefix("/api/").strip("/")
        endpoint = path.split("/")[0]
        if request["method"] == "GET":
            self._look_up(request)
        elif endpoint == "lists":
            self._list(request, list_id=path.split("/")[1])
        elif endpoint == "profiles":
            self._profile(request, body["data"]["attributes"])
        else:
            self.klaviyo.job(endpoint, body["data"])

    def _look_up(self, request: dict[str, Any]) -> None:
        asked = _FILTER.search(unquote(request["raw_target"]))
        if asked and request["status"] == 200:
            name, values = asked[1], json.loads(asked[2])
            self.looked_up += [who_of({name: value}) for value in values]

    def _list(self, request: dict[str, Any], *, list_id: str) -> None:
        ids = [item["id"] for item in request["body"]["data"] if "id" in item]
        removing = request["method"] == "DELETE"
        profiles = self.looked_up if removing else [self.created]
        for who, _ in zip(profiles, ids, strict=False):
            self.klaviyo.member(who, list_id, state="out" if removing else "in")

    def _profile(self, request: dict[str, Any], attributes: dict[str, Any]) -> None:
        self.created = who_of(attributes)
        if request["status"] != 409:
            self.klaviyo.profile(attributes)


def fates(line: RecordedLine) -> list[EventFate]:
    """Return the fate of each event, as Segment reported."""
    outcome = line["outcome"]
    if line["input"]["mode"] == "single":
        return [_single(event) for event in outcome["events"]]
    if "error" in outcome:
        refused = outcome["error"]["name"] in _REFUSALS
        fate = EventFate.REFUSED if refused else EventFate.SENT
        return [fate for _ in line["input"]["events"]]
    results = outcome["results"]
    if results and "multistatus" in results[0]:
        results = results[0]["multistatus"]
    return [_batched(result) for result in results]


def _single(event: dict[str, Any]) -> EventFate:
    if event["ok"]:
        outputs = [result.get("output") for result in event["results"]]
        return EventFate.UNMATCHED if "not subscribed" in outputs else EventFate.SENT
    return EventFate.REFUSED if event["error"]["name"] in _REFUSALS else EventFate.SENT


def _batched(result: dict[str, Any]) -> EventFate:
    if result["status"] < 400 or result["errorreporter"] != "INTEGRATIONS":
        return EventFate.SENT
    unmatched = _UNMATCHED in result["errormessage"]
    return EventFate.UNMATCHED if unmatched else EventFate.REFUSED
