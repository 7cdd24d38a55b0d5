"""Klaviyo's SDK calls every operation of the sandbox and reads the responses."""

from collections.abc import Callable
from typing import Any

import pytest
from klaviyo_api import KlaviyoAPI

from streams.sandbox import Sandbox
from streams.sandbox.operations import OPERATIONS
from tests.contract.seeded_account import (
    SeededAccount,
    data,
    event,
    ids,
    profile,
    seed_account,
    subscription,
    to_list,
)

Operation = Callable[[SeededAccount], Any]

READS: dict[str, Operation] = {
    "get_accounts": lambda at: at.sdk.Accounts.get_accounts(),
    "get_profiles": lambda at: at.sdk.Profiles.get_profiles(
        filter='any(email,["ann+1@example.com"])',
        page_size=100,
        additional_fields_profile=["subscriptions", "predictive_analytics"],
    ),
    "get_profile": lambda at: at.sdk.Profiles.get_profile(
        at.profile, include=["lists"], additional_fields_profile=["subscriptions"]
    ),
    "get_list_ids_for_profile": lambda at: at.sdk.Profiles.get_list_ids_for_profile(
        at.profile
    ),
    "get_bulk_import_profiles_jobs": lambda at: (
        at.sdk.Profiles.get_bulk_import_profiles_jobs(
            filter='any(status,["complete","cancelled"])', page_size=100
        )
    ),
    "get_bulk_import_profiles_job": lambda at: (
        at.sdk.Profiles.get_bulk_import_profiles_job(at.job, include=["lists"])
    ),
    "get_errors_for_bulk_import_profiles_job": lambda at: (
        at.sdk.Profiles.get_errors_for_bulk_import_profiles_job(at.job)
    ),
    "get_profile_ids_for_bulk_import_profiles_job": lambda at: (
        at.sdk.Profiles.get_profile_ids_for_bulk_import_profiles_job(at.job)
    ),
    "get_lists": lambda at: at.sdk.Lists.get_lists(filter='equals(name,"Fans")'),
    "get_list": lambda at: at.sdk.Lists.get_list(
        at.list, additional_fields_list=["profile_count"]
    ),
    "get_profiles_for_list": lambda at: at.sdk.Lists.get_profiles_for_list(
        at.list, page_size=100
    ),
    "get_profile_ids_for_list": lambda at: at.sdk.Lists.get_profile_ids_for_list(
        at.list, page_size=100
    ),
    "get_flows_triggered_by_list": lambda at: at.sdk.Lists.get_flows_triggered_by_list(
        at.list
    ),
    "get_events": lambda at: at.sdk.Events.get_events(
        filter=f'equals(metric_id,"{at.metric}")', include=["metric", "profile"]
    ),
    "get_metrics": lambda at: at.sdk.Metrics.get_metrics(),
    "get_flows_triggered_by_metric": lambda at: (
        at.sdk.Metrics.get_flows_triggered_by_metric(at.metric)
    ),
}
"""Operations that read; each finds something on the stage."""

WRITES: dict[str, Operation] = {
    "create_profile": lambda at: at.sdk.Profiles.create_profile(
        data("profile", {"email": "eve@example.com", "properties": {"plan": "pro"}}),
        additional_fields_profile=["subscriptions"],
    ),
    "update_profile": lambda at: at.sdk.Profiles.update_profile(
        at.profile, data("profile", {"first_name": "Ann"}, id=at.profile)
    ),
    "create_or_update_profile": lambda at: at.sdk.Profiles.create_or_update_profile(
        data("profile", {"external_id": "bob", "location": {"city": "Oslo"}})
    ),
    "bulk_import_profiles": lambda at: at.sdk.Profiles.bulk_import_profiles(
        data(
            "profile-bulk-import-job",
            {"profiles": {"data": [profile(email="eve@example.com")]}},
            relationships={"lists": ids("list", at.list)},
        )
    ),
    "create_list": lambda at: at.sdk.Lists.create_list(data("list", {"name": "New"})),
    "update_list": lambda at: at.sdk.Lists.update_list(
        at.list, data("list", {"name": "Renamed"}, id=at.list)
    ),
    "bulk_suppress_profiles": lambda at: at.sdk.Profiles.bulk_suppress_profiles(
        data(
            "profile-suppression-bulk-create-job",
            {"profiles": {"data": [profile(email="ann+1@example.com")]}},
        )
    ),
    "bulk_unsuppress_profiles": lambda at: at.sdk.Profiles.bulk_unsuppress_profiles(
        data(
            "profile-suppression-bulk-delete-job",
            {"profiles": {"data": [profile(email="ann+1@example.com")]}},
        )
    ),
}
"""Operations that write and return the written resource."""

ORDERS: dict[str, Operation] = {
    "merge_profiles": lambda at: at.sdk.Profiles.merge_profiles(
        data(
            "profile-merge",
            id=at.profile,
            relationships={"profiles": ids("profile", at.other)},
        )
    ),
    "add_profiles_to_list": lambda at: at.sdk.Lists.add_profiles_to_list(
        at.list, ids("profile", at.other)
    ),
    "remove_profiles_from_list": lambda at: at.sdk.Lists.remove_profiles_from_list(
        at.list, ids("profile", at.profile)
    ),
    "create_event": lambda at: at.sdk.Events.create_event(
        data("event", event("Ordered", profile={"data": profile(external_id="bob")}))
    ),
    "bulk_create_events": lambda at: at.sdk.Events.bulk_create_events(
        data(
            "event-bulk-create-job",
            {
                "events-bulk-create": {
                    "data": [
                        data(
                            "event-bulk-create",
                            {
                                "profile": {"data": profile(external_id="bob")},
                                "events": {
                                    "data": [data("event", event("Ordered"))["data"]]
                                },
                            },
                        )["data"]
                    ]
                }
            },
        )
    ),
    "bulk_subscribe_profiles": lambda at: at.sdk.Profiles.bulk_subscribe_profiles(
        data(
            "profile-subscription-bulk-create-job",
            {
                "custom_source": "-59",
                "profiles": {
                    "data": [subscription("SUBSCRIBED", email="eve@example.com")]
                },
            },
            relationships=to_list(at.list),
        )
    ),
    "bulk_unsubscribe_profiles": lambda at: at.sdk.Profiles.bulk_unsubscribe_profiles(
        data(
            "profile-subscription-bulk-delete-job",
            {
                "profiles": {
                    "data": [subscription("UNSUBSCRIBED", email="ann+1@example.com")]
                }
            },
            relationships=to_list(at.list),
        )
    ),
    "request_profile_deletion": lambda at: at.sdk.Data_Privacy.request_profile_deletion(
        data(
            "data-privacy-deletion-job",
            {"profile": {"data": profile(email="ann+1@example.com")}},
        )
    ),
}
"""Operations that are accepted without a word."""


@pytest.fixture
def account(sandbox: Sandbox, sdk: KlaviyoAPI) -> SeededAccount:
    """Return a seeded sandbox account."""
    return seed_account(sandbox, sdk)


@pytest.mark.parametrize("name", READS)
def test_the_sdk_reads_what_is_there(account: SeededAccount, name: str) -> None:
    """Responses fit the SDK's model and are not empty."""
    answer = READS[name](account)

    assert type(answer).__module__.startswith("openapi_client.models.")
    assert answer.data


@pytest.mark.parametrize("name", WRITES)
def test_the_sdk_reads_what_it_wrote(account: SeededAccount, name: str) -> None:
    """Requests pass the SDK's validation, and responses fit the SDK's model."""
    answer = WRITES[name](account)

    assert type(answer).__module__.startswith("openapi_client.models.")
    assert answer.data.id


@pytest.mark.parametrize("name", ORDERS)
def test_the_sdk_is_obeyed_without_an_answer(
    account: SeededAccount, sandbox: Sandbox, name: str
) -> None:
    """Requests without a response body are accepted and counted."""
    before = sandbox.account.request_log.item_counts.total()

    assert ORDERS[name](account) is None

    assert sandbox.account.request_log.item_counts.total() == before + 1


def test_the_sdk_reads_a_merge_that_is_answered_as_documented(
    account: SeededAccount, sandbox: Sandbox
) -> None:
    """Klaviyo's OpenAPI says 201, and the SDK's model fits that response."""
    sandbox.account.switches.merge_status = "201"

    answer = ORDERS["merge_profiles"](account)

    assert answer.data.id == account.profile


def test_every_operation_of_the_sandbox_is_called_by_the_sdk() -> None:
    """An operation without a contract is noticed."""
    assert {*READS, *WRITES, *ORDERS} == set(OPERATIONS)
