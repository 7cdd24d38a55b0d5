"""Effects of the requests that `explain` prints on the small Klaviyo model."""

import asyncio
from typing import Any

import orjson

from streams.klaviyo.api import requests
from streams.klaviyo.api.responses import resource_id, resources, single_resource_id
from streams.klaviyo.api.results import Accepted
from streams.klaviyo.fake_client import FakeKlaviyo
from tests.streams.actions.account_effects import AccountEffects, Who, who_of
from tests.streams.actions.recorded_effects import EventFate

_ENDS = {
    "delivered": EventFate.SENT,
    "discarded": EventFate.UNMATCHED,
    "dead-letter": EventFate.REFUSED,
}

ExplainOutput = dict[str, Any]


def fates_of(output: ExplainOutput) -> list[EventFate]:
    """Return the fate of each event from the outcomes."""
    return [_ENDS[outcome["verdict"]] for outcome in output["outcomes"]]


def explained_account(output: ExplainOutput) -> AccountEffects:
    """Return the account after the printed requests."""
    return asyncio.run(_played(output))


async def _played(output: ExplainOutput) -> AccountEffects:
    player = _ExplainedPlayer()
    for request in output["requests"]:
        await player.play(request)
    return player.klaviyo


class _ExplainedPlayer:
    """Player of requests, with the profile ids of the fake client."""

    def __init__(self) -> None:
        self.klaviyo = AccountEffects()
        self._offline_klaviyo = FakeKlaviyo()
        self._profiles_by_id: dict[str, Who] = {}

    async def play(self, request: ExplainOutput) -> None:
        """Apply a request to the account."""
        endpoint, *rest = request["path"].removeprefix("/api/").split("/")
        if request["method"] == "GET":
            if endpoint == "profiles":
                await self._look_up(dict(request["query"])["filter"])
        elif endpoint == "lists":
            self._list(request, list_id=rest[0])
        elif endpoint == "profile-import":
            await self._upsert(request["body"]["data"]["attributes"])
        else:
            self.klaviyo.job(endpoint, request["body"]["data"])

    async def _look_up(self, asked: str) -> None:
        field, _, listed = asked.removeprefix("any(").removesuffix(")").partition(",")
        values = orjson.loads(listed)
        answer = await self._offline_klaviyo.call(requests.find_profiles(field, values))
        assert isinstance(answer, Accepted)
        for row, value in zip(resources(answer.data), values, strict=True):
            self._profiles_by_id[resource_id(row)] = who_of({field: value})

    async def _upsert(self, attributes: ExplainOutput) -> None:
        who = self.klaviyo.profile(attributes)
        asked = requests.upsert_profile(requests.profile_resource(attributes))
        answer = await self._offline_klaviyo.call(asked)
        assert isinstance(answer, Accepted)
        self._profiles_by_id[single_resource_id(answer.data)] = who

    def _list(self, request: ExplainOutput, *, list_id: str) -> None:
        state = "out" if request["method"] == "DELETE" else "in"
        for item in request["body"]["data"]:
            self.klaviyo.member(self._profiles_by_id[item["id"]], list_id, state=state)
