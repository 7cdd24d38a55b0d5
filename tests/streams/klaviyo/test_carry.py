"""Intents carried out on the sandbox: grouped, in order, a verdict for each."""

import pytest

from streams.actions.intents import (
    Consent,
    ConsentChange,
    Deletion,
    EventRecord,
    Intent,
    ListAdd,
    ListRemove,
    ProfileUpsert,
    Suppression,
)
from streams.klaviyo.carry import carry_out, stages
from streams.klaviyo.client import KlaviyoClient
from streams.sandbox import Sandbox
from tests.streams.klaviyo.accounts import consents, recorded, whose
from tests.streams.klaviyo.people import endings, members, new_list, requested

JANE = {"external_id": "jane", "email": "jane@example.com"}
JOE = {"external_id": "joe", "email": "joe@example.com"}


def record(profile: dict[str, str], unique_id: str) -> EventRecord:
    """Make an event."""
    return EventRecord(
        metric="Viewed", profile=profile, properties={}, unique_id=unique_id
    )


async def test_each_kind_of_intent_is_done(
    client: KlaviyoClient, klaviyo: Sandbox
) -> None:
    """A verdict for each, in the order of the intents."""
    list_id = await new_list(client)
    wanted: list[Intent] = [
        ListAdd(list_id=list_id, profile=JANE),
        record(JANE, "1"),
        ProfileUpsert(profile={**JANE, "first_name": "Jane"}),
        ConsentChange(
            consent=Consent.SUBSCRIBED,
            profile={"email": "joe@example.com"},
            channels=("email.marketing",),
        ),
        Suppression(change="suppress", email="ann@example.com"),
        ListRemove(list_id=list_id, identifiers={"external_id": "nobody"}),
    ]

    verdicts = await carry_out(client, wanted)

    assert endings(verdicts) == ["delivered"] * 5 + ["discarded"]
    assert verdicts[5].reason == "no-such-profile"
    assert members(klaviyo, list_id) == {"jane"}
    assert recorded(klaviyo) == [("jane", "Viewed", "1")]
    assert whose(klaviyo, "jane@example.com").fields["first_name"] == "Jane"
    assert consents(klaviyo, "joe@example.com") == {"email.marketing": "SUBSCRIBED"}


@pytest.mark.parametrize("adds_last", [True, False], ids=["in-again", "out-again"])
async def test_what_is_wanted_for_one_person_is_done_in_order(
    client: KlaviyoClient,
    klaviyo: Sandbox,
    adds_last: bool,
) -> None:
    """The last of add and remove decides."""
    list_id = await new_list(client)
    add = ListAdd(list_id=list_id, profile=JANE)
    remove = ListRemove(list_id=list_id, identifiers={"email": "Jane@Example.com"})

    await carry_out(client, [add, remove, add] if adds_last else [add, remove])

    assert members(klaviyo, list_id) == ({"jane"} if adds_last else set())


@pytest.mark.parametrize("count", [1, 5], ids=["singly", "in-bulk"])
async def test_custom_properties_are_removed_and_arrays_changed(
    client: KlaviyoClient, klaviyo: Sandbox, count: int
) -> None:
    """And the profiles are on the list."""
    list_id = await new_list(client)
    emails = [f"user{n}@example.com" for n in range(count)]
    first: list[Intent] = [
        ProfileUpsert(profile={"email": email, "properties": {"a": 1, "tags": ["x"]}})
        for email in emails
    ]
    patch: list[Intent] = [
        ProfileUpsert(
            profile={"email": email},
            list_id=list_id,
            unset=("a",),
            append={"tags": "y"},
        )
        for email in emails
    ]

    verdicts = await carry_out(client, first + patch)

    assert endings(verdicts) == ["delivered"] * count * 2
    for email in emails:
        assert whose(klaviyo, email).properties == {"tags": ["x", "y"]}
        assert whose(klaviyo, email).lists == {list_id}


@pytest.mark.parametrize(
    "intent",
    [
        pytest.param(ListAdd(list_id="NOLIST", profile=JANE), id="add"),
        pytest.param(
            ListRemove(list_id="NOLIST", identifiers={"external_id": "jane"}),
            id="remove",
        ),
        pytest.param(
            ProfileUpsert(list_id="NOLIST", profile=JANE, unset=("a",)), id="patch"
        ),
    ],
)
async def test_a_list_that_is_not_there_is_a_dead_letter(
    client: KlaviyoClient, intent: Intent
) -> None:
    """The others go on."""
    known = ProfileUpsert(profile=JANE)

    verdicts = await carry_out(client, [known, intent, record(JOE, "1")])

    assert endings(verdicts) == ["delivered", "dead-letter", "delivered"]
    assert (verdicts[1].reason, verdicts[1].status) == ("no-such-list", 404)


async def test_what_was_left_out_is_recorded(client: KlaviyoClient) -> None:
    """The profile is kept, its bad phone is not."""
    verdicts = await carry_out(
        client, [ProfileUpsert(profile=JANE, dropped=("bad-phone",))]
    )

    assert [one.reason for one in verdicts] == ["dropped: bad-phone"]


async def test_a_deletion_by_the_callers_id_looks_the_profile_up(
    client: KlaviyoClient, klaviyo: Sandbox
) -> None:
    """The caller's id is never sent as Klaviyo's."""
    verdicts = await carry_out(
        client,
        [ProfileUpsert(profile=JANE), Deletion(identifiers={"external_id": "jane"})],
    )

    assert endings(verdicts) == ["delivered", "delivered"]
    assert requested(klaviyo, "GET", "/api/profiles") == 1


async def test_many_intents_of_a_kind_take_one_request(
    client: KlaviyoClient, klaviyo: Sandbox
) -> None:
    """Other kinds between them part nothing, unless they are about the same person."""
    wanted: list[Intent] = []
    for n in range(10):
        wanted.append(record({"external_id": f"user{n}"}, "1"))
        wanted.append(Suppression(change="suppress", email=f"other{n}@example.com"))

    verdicts = await carry_out(client, wanted)

    assert endings(verdicts) == ["delivered"] * 20
    assert requested(klaviyo, "POST") == 2


def test_one_person_is_in_one_group_of_a_stage() -> None:
    """An event after an upsert waits; another person's does not."""
    upsert = ProfileUpsert(profile=JANE)

    found = stages([upsert, record(JANE, "1"), record(JOE, "2"), upsert])

    places = [
        {kind: [place for place, _ in group] for (kind, _), group in stage.items()}
        for stage in found
    ]
    assert places == [{"upsert": [0], "record": [2]}, {"record": [1]}, {"upsert": [3]}]


async def test_nothing_wanted_is_nothing_done(
    client: KlaviyoClient, klaviyo: Sandbox
) -> None:
    """No request."""
    assert await carry_out(client, []) == []
    assert requested(klaviyo) == 0
