"""Every action of a destination file, from the source topic to what Klaviyo holds."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest

from streams.delivery.verdict import Verdict
from streams.events.canonical_event import Origin
from tests.journeys.harness import Pipeline, Record
from tests.journeys.klaviyo import Klaviyo
from tests.journeys.sample_events import START_MS

pytestmark = [pytest.mark.kafka, pytest.mark.slow]

WORKERS = 2

Published = Callable[..., list[Origin]]


def _file(path: Path, list_id: str) -> Path:
    """A destination that uses each action once, and a setting of the worker."""
    here = {"@path": "$.properties.email"}
    outcome: dict[str, Any] = {
        "settings": {"country": "US", "batch_max_age_s": 0.1},
        "mappings": [
            {"action": "upsertProfile"},
            {
                "action": "addProfileToList",
                "trigger": 'event = "Joined"',
                "fields": {"email": here, "list_id": list_id},
            },
            {
                "action": "removeProfileFromList",
                "trigger": 'event = "Left"',
                "fields": {"email": here, "list_id": list_id},
            },
            {
                "action": "trackEvent",
                "trigger": 'event = "Viewed"',
                "batching": {"size": 20},
            },
            {"action": "orderCompleted"},
            {"action": "subscribeProfile"},
            {"action": "unsubscribeProfile"},
            {"action": "suppressProfile"},
            {"action": "unsuppressProfile"},
            {"action": "deleteProfile"},
        ],
    }
    path.write_bytes(orjson.dumps(outcome))
    return path


@pytest.fixture(scope="module")
def running(shared: Pipeline, tmp_path_factory: pytest.TempPathFactory) -> Pipeline:
    """Workers with a file of mappings; nothing but the file's path is told them."""
    [list_id] = shared.klaviyo.ask("POST", "lists", [{"name": "Newsletter"}])["ids"]
    path = tmp_path_factory.mktemp("destination") / "destination.json"
    return shared.run(workers=WORKERS, destination=_file(path, list_id))


def _call(user: str, at_s: int = 0, **body: object) -> Record:
    """Create one event of a user."""
    said = {
        "type": "track",
        "userId": user,
        "messageId": f"{user}-{body.get('event', body.get('type'))}-{at_s}",
        "timestamp": START_MS + at_s * 1000,
        "context": {"traits": {"email": _email(user)}},
        "properties": {"email": _email(user)},
    }
    return user, orjson.dumps(said | body)


def _email(user: str) -> str:
    return f"{user}@example.com"


def _profile(klaviyo: Klaviyo, user: str) -> dict[str, Any] | None:
    found = klaviyo.ask("GET", "profiles")
    return next((one for one in found if one["email"] == _email(user)), None)


def _standing(klaviyo: Klaviyo, user: str) -> dict[str, Any]:
    found = klaviyo.ask("GET", "consent")
    return next(one for one in found if one["email"] == _email(user))


def _state_of(klaviyo: Klaviyo, user: str, channel: str) -> str:
    consent: dict[str, Any] = _standing(klaviyo, user)["consents"][channel]
    return str(consent["status"])


def _ends(pipeline: Pipeline, origins: list[Origin]) -> set[Verdict]:
    return {
        outcome.item.verdict for at in origins for outcome in pipeline.outcomes.of[at]
    }


def test_an_identify_updates_the_profile_with_its_phone_made_canonical(
    running: Pipeline,
) -> None:
    """A national number of the file's country becomes E.164."""
    traits = {"email": _email("ann"), "phone": "(415) 555-2671", "firstName": "Ann"}

    origins = running.publish(
        [_call("ann", type="identify", traits=traits, event=None)]
    )
    running.await_outcomes(origins)

    found = _profile(running.klaviyo, "ann")
    assert found is not None
    assert found["phone_number"] == "+14155552671"
    assert (found["first_name"], found["external_id"]) == ("Ann", "ann")


def test_who_joins_is_on_the_list_and_who_left_after_that_is_not(
    running: Pipeline,
) -> None:
    """Whatever the order in which the two were published."""
    origins = running.publish(
        [
            _call("stays", 1, event="Joined"),
            _call("leaves", 2, event="Left"),
            _call("leaves", 1, event="Joined"),
        ]
    )
    running.await_outcomes(origins)

    assert running.klaviyo.members_of("Newsletter") == [_email("stays")]


def test_an_event_is_recorded_once_however_often_it_is_published(
    running: Pipeline,
) -> None:
    """Under its own id, or that of its source record's place."""
    views = [
        _call("views", at_s, event="Viewed", properties={"revenue": 2.5})
        for at_s in range(30)
    ]

    origins = running.publish([*views, *views])
    running.await_outcomes(origins)

    found = [
        event
        for event in running.klaviyo.ask("GET", "events")
        if event["metric"] == "Viewed"
    ]
    assert len(found) == len(views)
    assert {event["value"] for event in found} == {2.5}
    assert Verdict.DEAD_LETTER not in _ends(running, origins)


def test_an_order_is_one_event_and_one_for_each_product(running: Pipeline) -> None:
    """The value of an order counts once."""
    products = [{"product_id": name, "price": 5} for name in ("a", "b", "c")]
    properties = {"order_id": "o1", "revenue": 15, "products": products}

    order = _call("buyer", event="Order Completed", properties=properties)
    running.await_outcomes(running.publish([order, order]))

    found = running.klaviyo.ask("GET", "events")
    values = [
        (event["metric"], event["value"])
        for event in found
        if event["metric"] in ("Order Completed", "Ordered Product")
    ]
    assert sorted(values, key=str) == [
        ("Order Completed", 15.0),
        *[("Ordered Product", None)] * 3,
    ]


def test_the_last_word_on_consent_counts_by_event_time(running: Pipeline) -> None:
    """A subscription that comes late does not undo the withdrawal after it."""
    origins = running.publish(
        [
            _call("yes", 1, event="User Subscribed"),
            _call("no", 5, event="User Unsubscribed"),
            _call("no", 4, event="User Subscribed"),
        ]
    )
    running.await_outcomes(origins)

    channel = "email/marketing"
    assert _state_of(running.klaviyo, "yes", channel) == "SUBSCRIBED"
    assert _state_of(running.klaviyo, "no", channel) == "UNSUBSCRIBED"


def test_a_suppression_is_lifted_again(running: Pipeline) -> None:
    """Both are jobs of Klaviyo: the second waits for the first."""
    origins = running.publish([_call("quiet", 1, event="User Suppressed")])
    running.await_outcomes(origins)
    before = _standing(running.klaviyo, "quiet")["suppressions"]

    origins = running.publish([_call("quiet", 2, event="User Unsuppressed")])
    running.await_outcomes(origins)

    assert before == ["USER_SUPPRESSED"]
    assert _standing(running.klaviyo, "quiet")["suppressions"] == []


def test_a_deleted_profile_is_gone(running: Pipeline) -> None:
    """Found by its address."""
    known = _call("gone", 1, type="identify", traits={"email": _email("gone")})
    running.await_outcomes(running.publish([known]))
    assert _profile(running.klaviyo, "gone") is not None

    running.await_outcomes(running.publish([_call("gone", 2, type="delete")]))

    assert _profile(running.klaviyo, "gone") is None


def test_a_replay_of_all_of_it_changes_nothing(running: Pipeline) -> None:
    """No list change, no consent, no deletion; each event stays recorded once."""
    records = [
        _call("again", 1, event="Joined"),
        _call("again", 2, event="User Subscribed"),
        _call("again", 3, event="Viewed"),
        _call("again", 4, event="User Unsubscribed"),
        _call("again", 5, event="Left"),
    ]
    running.await_quiet(running.publish(records))
    events = len(running.klaviyo.ask("GET", "events"))
    before = len(running.klaviyo.requests())

    running.await_quiet(running.publish(records))

    outcome = {entry["template"] for entry in running.klaviyo.requests()[before:]}
    assert outcome <= {"/api/events", "/api/event-bulk-create-jobs"}
    assert len(running.klaviyo.ask("GET", "events")) == events


def test_what_a_mapping_cannot_use_is_a_dead_letter_with_its_reason(
    running: Pipeline,
) -> None:
    """And the events beside it go their way."""
    bad = _call("bad", event="Joined", properties={"email": "nobody"})

    origins = running.publish([bad, _call("good", event="Joined")])
    running.await_outcomes(origins)

    [dead_letter] = running.await_dead_letters(1)
    assert dead_letter.headers["__connect.errors.exception.class.name"] == "bad-email"
    assert _email("good") in running.klaviyo.members_of("Newsletter")
