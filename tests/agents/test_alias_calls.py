"""An alias call in the worker: the profile is renamed, and later events follow."""

from typing import Any

import pytest

from streams.destination.loader import compile_destination
from streams.settings.model import LaneId
from tests.streams.klaviyo.fakes import START_S
from tests.support.in_process import InProcessPipeline, skipping_sandbox
from tests.support.worker_fakes import run

Event = dict[str, Any]
LANES = (LaneId.PROFILES, LaneId.EVENTS)


def _viewed(**who: str) -> Event:
    return {"type": "track", "event": "Viewed", **who}


IDENTIFIED: Event = {"type": "identify", "userId": "old", "traits": {"plan": "gold"}}
ALIAS: Event = {"type": "alias", "userId": "new", "previousId": "old"}
DEVICE: Event = {"type": "alias", "userId": "new", "previousId": "phone-1"}


async def _play(events: list[Event], alias: str, kills: int) -> list[str]:
    klaviyo = skipping_sandbox()
    identity = {"settings": {"identity": {"alias": alias}}}
    pipeline = InProcessPipeline(klaviyo, compile_destination(identity))
    for number, event in enumerate(events):
        ids = {"messageId": f"m{number}", "timestamp": int(START_S) * 1000 + number}
        await pipeline.publish([{**event, **ids}])
        for kill in range(kills):
            await pipeline.activate(1, entries=0, records=kill)
        while pipeline.backlog:
            await pipeline.settle_all(LANES)
    await pipeline.stop()
    assert pipeline.producer.to("t.deadletters") == []
    return sorted(str(profile.external_id) for profile in klaviyo.account.profiles)


@pytest.mark.parametrize("kills", [0, 2])
@pytest.mark.parametrize(
    ("events", "alias", "external_ids"),
    [
        pytest.param(
            [IDENTIFIED, ALIAS, _viewed(userId="old"), _viewed(userId="new")],
            "link",
            ["new"],
            id="previous-user-id",
        ),
        pytest.param(
            [DEVICE, _viewed(anonymousId="phone-1")], "link", ["new"], id="device"
        ),
        pytest.param(
            [IDENTIFIED, ALIAS, _viewed(userId="new")],
            "ignore",
            ["new", "old"],
            id="ignored",
        ),
    ],
)
def test_a_linked_id_and_the_user_are_one_profile(
    events: list[Event], alias: str, external_ids: list[str], kills: int
) -> None:
    """Workers may be killed before they have written the link."""
    assert run(_play(events, alias, kills)) == external_ids
