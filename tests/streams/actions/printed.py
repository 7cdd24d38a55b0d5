"""What `explain` prints for a line: what it would do to the small Klaviyo."""

import asyncio
from typing import Any

import orjson

from streams.klaviyo import requests
from streams.klaviyo.answers import Accepted
from streams.klaviyo.dry import DryKlaviyo
from streams.klaviyo.responses import id_in, id_of, resources
from tests.streams.actions.effects import Klaviyo, Who, who_of
from tests.streams.actions.recorded import Fate

_ENDS = {
    "delivered": Fate.SENT,
    "discarded": Fate.UNMATCHED,
    "dead-letter": Fate.REFUSED,
}

Told = dict[str, Any]


def ends_of(told: Told) -> list[Fate]:
    """Name each outcome as the recorded ones are named."""
    return [_ENDS[one["verdict"]] for one in told["outcomes"]]


def printed(told: Told) -> Klaviyo:
    """Give the account after the printed requests."""
    return asyncio.run(_played(told))


async def _played(told: Told) -> Klaviyo:
    player = _Player()
    for request in told["requests"]:
        await player.play(request)
    return player.klaviyo


class _Player:
    """Plays requests; ids are those that a Klaviyo without a network gives."""

    def __init__(self) -> None:
        self.klaviyo = Klaviyo()
        self._dry = DryKlaviyo()
        self._named: dict[str, Who] = {}

    async def play(self, request: Told) -> None:
        """Let one request take effect."""
        room, *rest = request["path"].removeprefix("/api/").split("/")
        if request["method"] == "GET":
            if room == "profiles":
                await self._look_up(dict(request["query"])["filter"])
        elif room == "lists":
            self._list(request, list_id=rest[0])
        elif room == "profile-import":
            await self._upsert(request["body"]["data"]["attributes"])
        else:
            self.klaviyo.job(room, request["body"]["data"])

    async def _look_up(self, asked: str) -> None:
        field, _, listed = asked.removeprefix("any(").removesuffix(")").partition(",")
        values = orjson.loads(listed)
        answer = await self._dry.call(requests.find_profiles(field, values))
        assert isinstance(answer, Accepted)
        for row, value in zip(resources(answer.data), values, strict=True):
            self._named[id_of(row)] = who_of({field: value})

    async def _upsert(self, attributes: Told) -> None:
        who = self.klaviyo.profile(attributes)
        asked = requests.upsert_profile(requests.profile_resource(attributes))
        answer = await self._dry.call(asked)
        assert isinstance(answer, Accepted)
        self._named[id_in(answer.data)] = who

    def _list(self, request: Told, *, list_id: str) -> None:
        state = "out" if request["method"] == "DELETE" else "in"
        for item in request["body"]["data"]:
            self.klaviyo.member(self._named[item["id"]], list_id, state=state)
