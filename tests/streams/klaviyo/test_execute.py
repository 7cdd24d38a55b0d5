"""Execution of intents against the sandbox: grouped, in order, a verdict for each."""

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
from streams.klaviyo.api.client import KlaviyoClient
from streams.klaviyo.execute import execute, plan_rounds
from streams.sandbox import Sandbox
from tests.streams.klaviyo.accounts import (
    consent_statuses,
    find_profile,
    recorded_events,
)
from tests.streams.klaviyo.profile_builders import (
    member_external_ids,
    new_list,
    request_count,
    verdict_names,
)

JANE = {"external_id": "jane", "email": "jane@example.com"}
JOE = {"external_id": "joe", "email": "joe@example.com"}


def record(profile: dict[str, str], unique_id: str) -> EventRecord:
    """Build an event for a profile."""
    return EventRecord(
        metric="Viewed", profile=profile, properties={}, unique_id=unique_id
    )


async def test_each_kind_of_intent_is_done(
    client: KlaviyoClient, klaviyo: Sandbox
) -> None:
    """Verdicts come in the order of the intents."""
    list_id = await new_list(client)
    intents: list[Intent] = [
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

    verdicts = await execute(client, intents)

    assert verdict_names(verdicts) == ["delivered"] * 5 + ["discarded"]
    assert verdicts[5].reason == "no-such-profile"
    assert member_external_ids(klaviyo, list_id) == {"jane"}
    assert recorded_events(klaviyo) == [("jane", "Viewed", "1")]
    assert find_profile(klaviyo, "jane@example.com").fields["first_name"] == "Jane"
    assert consent_statuses(klaviyo, "joe@example.com") == {
        "email.marketing": "SUBSCRIBED"
    }


@pytest.mark.parametrize("adds_last", [True, False], ids=["in-again", "out-again"])
async def test_intents_for_one_person_are_executed_in_order(
    client: KlaviyoClient,
    klaviyo: Sandbox,
    adds_last: bool,
) -> None:
    """The last of add and remove decides."""
    list_id = await new_list(client)
    add = ListAdd(list_id=list_id, profile=JANE)
    remove = ListRemove(list_id=list_id, identifiers={"email": "Jane@Example.com"})

    await execute(client, [add, remove, add] if adds_last else [add, remove])

    assert member_external_ids(klaviyo, list_id) == ({"jane"} if adds_last else set())


@pytest.mark.parametrize("count", [1, 5], ids=["singly", "in-bulk"])
async def test_custom_properties_are_removed_and_arrays_changed(
    client: KlaviyoClient, klaviyo: Sandbox, count: int
) -> None:
    """The patched profiles are on the list as well."""
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

    verdicts = await execute(client, first + patch)

    assert verdict_names(verdicts) == ["delivered"] * count * 2
    for email in emails:
        assert find_profile(klaviyo, email).properties == {"tags": ["x", "y"]}
        assert find_profile(klaviyo, email).lists == {list_id}


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
    """The other intents continue."""
    upsert = ProfileUpsert(profile=JANE)

    verdicts = await execute(client, [upsert, intent, record(JOE, "1")])

    assert verdict_names(verdicts) == ["delivered", "dead-letter", "delivered"]
    assert (verdicts[1].reason, verdicts[1].status) == ("no-such-list", 404)


async def test_a_dropped_part_is_recorded(client: KlaviyoClient) -> None:
    """The profile is kept without its invalid phone number."""
    verdicts = await execute(
        client, [ProfileUpsert(profile=JANE, dropped=("bad-phone",))]
    )

    assert [verdict.reason for verdict in verdicts] == ["dropped: bad-phone"]


async def test_a_deletion_by_the_callers_id_looks_the_profile_up(
    client: KlaviyoClient, klaviyo: Sandbox
) -> None:
    """The caller's id is never sent as Klaviyo's."""
    verdicts = await execute(
        client,
        [ProfileUpsert(profile=JANE), Deletion(identifiers={"external_id": "jane"})],
    )

    assert verdict_names(verdicts) == ["delivered", "delivered"]
    assert request_count(klaviyo, "GET", "/api/profiles") == 1


async def test_many_intents_of_a_kind_take_one_request(
    client: KlaviyoClient, klaviyo: Sandbox
) -> None:
    """Intents of other kinds in between split no group of other persons."""
    intents: list[Intent] = []
    for n in range(10):
        intents.append(record({"external_id": f"user{n}"}, "1"))
        intents.append(Suppression(change="suppress", email=f"other{n}@example.com"))

    verdicts = await execute(client, intents)

    assert verdict_names(verdicts) == ["delivered"] * 20
    assert request_count(klaviyo, "POST") == 2


def test_one_person_is_in_one_group_of_a_round() -> None:
    """An event after an upsert waits; another person's event does not."""
    upsert = ProfileUpsert(profile=JANE)

    rounds = plan_rounds([upsert, record(JANE, "1"), record(JOE, "2"), upsert])

    indices = [
        {
            kind: [index for index, _ in group]
            for (kind, _), group in round_groups.items()
        }
        for round_groups in rounds
    ]
    assert indices == [{"upsert": [0], "record": [2]}, {"record": [1]}, {"upsert": [3]}]


async def test_no_intents_take_no_request(
    client: KlaviyoClient, klaviyo: Sandbox
) -> None:
    """An empty batch leads to no request."""
    assert await execute(client, []) == []
    assert request_count(klaviyo) == 0
