"""One person is one profile, published event by event, each settled before the next."""

from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple
from zlib import crc32

import orjson
import pytest

from tests.journeys.harness import Pipeline
from tests.journeys.sample_events import START_MS

pytestmark = [pytest.mark.kafka, pytest.mark.slow]

PHONE = "{phone}"
"""Number of a scene, the same for all of its people."""


class Scene(NamedTuple):
    """Events of some people, and the profiles afterwards.

    Attributes:
        events: Events in order; `{}` in a text is the name of the scene.
        profiles: External id, e-mail, phone number, first name and plan of each.
    """

    events: list[dict[str, Any]]
    profiles: list[tuple[str | None, str | None, str | None, str | None, str | None]]


def _identify(user: str, email: str, **traits: str) -> dict[str, Any]:
    return {"type": "identify", "userId": user, "traits": {"email": email, **traits}}


def _viewed(user: str, email: str = "") -> dict[str, Any]:
    traits = {"traits": {"email": email}} if email else {}
    return {"type": "track", "event": "Viewed", "userId": user, "context": traits}


def _subscribed(email: str, **who: str) -> dict[str, Any]:
    context = {"traits": {"email": email}}
    return {"type": "track", "event": "User Subscribed", "context": context, **who}


def _moved(event: str, name: str, email: str, **traits: str) -> dict[str, Any]:
    return {
        "type": "track",
        "event": event,
        "userId": name,
        "properties": {"audience_key": "{}-vip"},
        "context": {"traits": {"email": email, **traits}},
    }


SCENES = {
    "shopper": Scene(
        [
            _viewed("{}"),
            _subscribed("{}@example.com", userId="{}"),
            _identify("{}", "{}@example.com", firstName="Ada", plan="gold"),
        ],
        [("{}", "{}@example.com", None, "Ada", "gold")],
    ),
    "form-first": Scene(
        [
            _subscribed("{}@example.com", anonymousId="{}-anon"),
            _identify("{}", "{}@example.com", firstName="Ada", plan="gold"),
            _viewed("{}"),
        ],
        [("{}", "{}@example.com", None, "Ada", "gold")],
    ),
    "changes-email": Scene(
        [
            _identify("{}", "{}-old@example.com", firstName="Ada"),
            _identify("{}", "{}-new@example.com", plan="gold"),
            _viewed("{}", "{}-old@example.com"),
            _identify("{}", "{}-old@example.com", firstName="Ada"),
            _viewed("{}"),
        ],
        [("{}", "{}-new@example.com", None, "Ada", "gold")],
    ),
    "shares-a-phone": Scene(
        [
            _identify("{}-1", "{}-1@example.com", firstName="Ada", phone=PHONE),
            _identify("{}-2", "{}-2@example.com", firstName="Bob", phone=PHONE),
            _identify("{}-1", "{}-1@example.com", plan="gold", phone=PHONE),
        ],
        [
            ("{}-1", "{}-1@example.com", PHONE, "Ada", "gold"),
            ("{}-2", "{}-2@example.com", None, "Bob", None),
        ],
    ),
    "two-people-one-address": Scene(
        [
            _identify("{}-1", "{}-1@example.com", firstName="Ada"),
            _identify("{}-2", "{}-2@example.com", firstName="Bob"),
            _identify("{}-1", "{}-2@example.com", plan="gold"),
        ],
        [
            ("{}-1", "{}-1@example.com", None, "Ada", None),
            ("{}-2", "{}-2@example.com", None, "Bob", "gold"),
        ],
    ),
}


OPT_OUTS: list[dict[str, Any]] = [
    {"integrations": {"All": False}},
    {"integrations": {"all": False}},
    {"integrations": {"Klaviyo (Actions)": False}},
    {"integrations": {"All": True, "Klaviyo": False}},
    {"context": {"consent": {"categoryPreferences": {"marketing": False}}}},
    {"context": {"consent": {"categoryPreferences": {}}}},
    {"context": {"consentManagement": {"deniedConsentIds": ["marketing"]}}},
]
HELD_BACK: list[dict[str, Any]] = [
    _identify("{}", "{}@example.com"),
    _viewed("{}"),
    _subscribed("{}@example.com", userId="{}"),
    _moved("Audience Entered", "{}", "{}@example.com"),
    _moved("Audience Exited", "{}", "{}@example.com"),
    _moved("Order Completed", "{}", "{}@example.com"),
]


def test_who_opted_out_leaves_no_trace(pipeline: Pipeline, tmp_path: Path) -> None:
    """Every event has its outcome, and Klaviyo gets no request."""
    destination = tmp_path / "destination.yaml"
    destination.write_text("settings: {consent_categories: [marketing]}\n")
    pipeline.run(destination=destination)
    events = [
        {**event, **opt_out, "messageId": f"{at}-{of}", "timestamp": START_MS + of}
        for at, opt_out in enumerate(OPT_OUTS)
        for of, event in enumerate(HELD_BACK)
    ]
    records = [("out", orjson.dumps(_named(event, "out"))) for event in events]

    pipeline.await_quiet(pipeline.publish(records))

    outcomes = [one.item for of in pipeline.outcomes.of.values() for one in of]
    reasons = Counter(item.reason for item in outcomes)
    assert reasons == {
        "opted-out: integrations": 4 * len(HELD_BACK),
        "opted-out: consent": 3 * len(HELD_BACK),
    }
    assert pipeline.klaviyo.requests("POST") == []


def _named(value: object, name: str) -> object:
    if isinstance(value, str):
        number = f"+1202555{crc32(name.encode()) % 10_000:04}"
        return value.replace(PHONE, number).replace("{}", name)
    if isinstance(value, dict):
        return {key: _named(member, name) for key, member in value.items()}
    return value


def _play(
    pipeline: Pipeline, name: str, events: list[dict[str, Any]], *, start: int = 0
) -> None:
    """Publish events one at a time, each when the one before has an outcome."""
    for number, event in enumerate(events, start):
        body = {
            **event,
            "messageId": f"{name}-{number}",
            "timestamp": START_MS + number * 60_000,
        }
        record = (name, orjson.dumps(_named(body, name)))
        pipeline.await_quiet(pipeline.publish([record]))


def _profiles(pipeline: Pipeline, name: str) -> list[tuple[str | None, ...]]:
    """Return the profiles of a scene, by external id or address."""
    rows = pipeline.klaviyo.ask("GET", "profiles")
    return sorted(
        (
            row["external_id"],
            row["email"],
            row["phone_number"],
            row["first_name"],
            row["properties"].get("plan"),
        )
        for row in rows
        if name in f"{row['external_id']} {row['email']}"
    )


@pytest.mark.parametrize("fold", ["fold", "conflict"])
@pytest.mark.parametrize("scene_name", SCENES)
def test_one_person_is_one_profile(
    shared: Pipeline, scene_name: str, fold: str
) -> None:
    """All traits arrive on the person's profile, and nothing is a dead letter.

    Klaviyo's own pages contradict each other on whether an external id takes part in
    folding, so it must not matter.
    """
    if not shared.workers:
        shared.run()
    shared.klaviyo.ask("POST", "switches", {"external_id_fold": fold})
    name, scene = f"{scene_name}-{fold}", SCENES[scene_name]

    _play(shared, name, scene.events)

    expected = [_named_row(row, name) for row in scene.profiles]
    assert _profiles(shared, name) == expected
    assert shared.await_dead_letters(0) == []


RULES = ["goes-with-address", "stays-with-profile"]  # the sandbox's default last


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("before", ["UNSUBSCRIBED", "SUBSCRIBED"])
def test_a_withdrawal_outlives_a_change_of_address(
    shared: Pipeline, before: str, rule: str
) -> None:
    """Klaviyo does not say what becomes of consent, so it must not matter.

    A subscription is never made, and the outcome says where one is missing.
    """
    if not shared.workers:
        shared.run()
    name = f"was-{before}-{rule}".lower()
    shared.klaviyo.ask("POST", "switches", {"email_change_consent": rule})
    _play(shared, name, [_identify("{}", "{}-old@example.com", firstName="Ada")])
    _set_consent(shared, name, before)

    change = [_identify("{}", "{}-new@example.com"), _viewed("{}")]
    _play(shared, name, change, start=1)

    is_subscribed = before == "SUBSCRIBED"
    stays = rule == "stays-with-profile"
    expected = "" if is_subscribed and not stays else before
    note = "not-subscribed" if is_subscribed else "withdrawal-kept"
    assert _consent(shared, f"{name}-new@example.com") == expected
    assert _profiles(shared, name) == [
        (name, f"{name}-new@example.com", None, "Ada", None)
    ]
    assert _notes(shared, f"{name}-1") == ([] if stays else [note])


def test_a_worker_killed_before_the_withdrawal_makes_it_afterwards(
    pipeline: Pipeline,
) -> None:
    """The profile has the new address, and nothing shows the old one's consent."""
    name, klaviyo = "killed", pipeline.klaviyo
    klaviyo.ask("POST", "switches", {"email_change_consent": RULES[0]})
    pipeline.run()
    _play(pipeline, name, [_identify("{}", "{}-old@example.com", firstName="Ada")])
    _set_consent(pipeline, name, "UNSUBSCRIBED")
    klaviyo.fail("server-error", path="/api/profile-subscription-bulk-delete-jobs")
    event = _identify(name, f"{name}-new@example.com")
    body = {**event, "messageId": f"{name}-1", "timestamp": START_MS + 60_000}

    origins = pipeline.publish([(name, orjson.dumps(body))])
    pipeline.until(klaviyo.struck)
    pipeline.workers["w0"].kill()
    before = _consent(pipeline, f"{name}-new@example.com")
    klaviyo.mend()
    pipeline.start("w0")
    pipeline.await_quiet(origins)

    assert before == ""
    assert _consent(pipeline, f"{name}-new@example.com") == "UNSUBSCRIBED"
    assert _profiles(pipeline, name) == [
        (name, f"{name}-new@example.com", None, "Ada", None)
    ]
    assert "withdrawal-kept" in _notes(pipeline, f"{name}-1")


def _set_consent(pipeline: Pipeline, external_id: str, status: str) -> None:
    """Set the e-mail consent of a profile, as a person does by a link in a mail."""
    rows = pipeline.klaviyo.ask("GET", "profiles")
    [profile_id] = [row["id"] for row in rows if row["external_id"] == external_id]
    consent = {"profile_id": profile_id, "email": status}
    pipeline.klaviyo.ask("POST", "consent", [consent])


def _consent(pipeline: Pipeline, email: str) -> str:
    """Return the e-mail consent of an address; empty if there is none."""
    rows = pipeline.klaviyo.ask("GET", "consent")
    consents = [row["consents"] for row in rows if row["email"] == email]
    records = [one["email/marketing"] for one in consents if "email/marketing" in one]
    return "".join(record["status"] for record in records)


def _notes(pipeline: Pipeline, message_id: str) -> list[str]:
    """Return the codes of the notes on the deliveries of an event."""
    outcomes = [one.item for of in pipeline.outcomes.of.values() for one in of]
    reasons = [one.reason for one in outcomes if one.message_id == message_id]
    return [reason.partition(":")[0] for reason in reasons if reason]


def test_two_addresses_enter_and_one_exit_leaves_nobody(shared: Pipeline) -> None:
    """Engage sends an event for each address; a stranger with the same phone stays."""
    if not shared.workers:
        shared.run()
    name = "two-addresses"
    entered, exited = "Audience Entered", "Audience Exited"
    stranger = _moved(entered, "{}-x", "{}-x@example.com", phone=PHONE)
    first = _moved(entered, "{}", "{}-1@example.com")
    second = _moved(entered, "{}", "{}-2@example.com")
    again = _moved(entered, "{}", "{}-1@example.com")

    _play(shared, name, [stranger, first, second, again])
    before = shared.klaviyo.members_of(f"{name}-vip")
    exit_by_one = _moved(exited, "{}", "{}-1@example.com", phone=PHONE)
    _play(shared, name, [exit_by_one], start=9)
    after = shared.klaviyo.members_of(f"{name}-vip")

    assert before == [f"{name}-{who}@example.com" for who in ("1", "2", "x")]
    assert after == [f"{name}-x@example.com"]


def test_a_shared_profile_leaves_the_list_with_its_last_user(
    pipeline: Pipeline, tmp_path: Path
) -> None:
    """The users have partitions of their own."""
    destination = tmp_path / "destination.yaml"
    destination.write_text("settings: {identity: {shared_profiles: true}}\n")
    pipeline.run(destination=destination)
    name, members = "home", list[list[str]]()
    entered = [_moved("Audience Entered", f"{{}}-{n}", "{}@a.example") for n in "12"]
    exited = [_moved("Audience Exited", f"{{}}-{n}", "{}@a.example") for n in "12"]

    for number, event in enumerate([*entered, *exited]):
        _play(pipeline, name, [event], start=number)
        members.append(pipeline.klaviyo.members_of(f"{name}-vip"))

    assert members == [[f"{name}@a.example"]] * 3 + [[]]
    assert _notes(pipeline, f"{name}-2") == ["unchanged"]
    assert pipeline.await_dead_letters(0) == []


def _named_row(row: tuple[str | None, ...], name: str) -> tuple[object, ...]:
    return tuple(_named(value, name) for value in row)
