"""Which handler answers which operation."""

from collections.abc import Callable, Mapping
from typing import TypeAlias

from streams.sandbox.calls import Answer, Call
from streams.sandbox.routes import (
    account,
    consents,
    event_pages,
    events,
    finding,
    jobs,
    lists,
    profiles,
    suppressions,
)
from streams.sandbox.world import World

Handler: TypeAlias = Callable[[World, Call], Answer]

HANDLERS: Mapping[str, Handler] = {
    "create_profile": profiles.create,
    "get_profiles": finding.query,
    "get_profile": profiles.read,
    "update_profile": profiles.update,
    "get_list_ids_for_profile": profiles.list_ids,
    "create_or_update_profile": profiles.create_or_update,
    "merge_profiles": profiles.merge,
    "bulk_import_profiles": jobs.submit,
    "get_bulk_import_profiles_jobs": jobs.query,
    "get_bulk_import_profiles_job": jobs.read,
    "get_errors_for_bulk_import_profiles_job": jobs.errors,
    "get_profile_ids_for_bulk_import_profiles_job": jobs.profile_ids,
    "create_list": lists.create,
    "get_lists": lists.query,
    "get_list": lists.read,
    "update_list": lists.update,
    "get_profiles_for_list": lists.profiles,
    "get_profile_ids_for_list": lists.profile_ids,
    "add_profiles_to_list": lists.add_profiles,
    "remove_profiles_from_list": lists.remove_profiles,
    "create_event": events.create,
    "bulk_create_events": events.create_many,
    "get_events": event_pages.query,
    "bulk_subscribe_profiles": consents.subscribe,
    "bulk_unsubscribe_profiles": consents.unsubscribe,
    "bulk_suppress_profiles": suppressions.suppress,
    "bulk_unsuppress_profiles": suppressions.unsuppress,
    "get_metrics": account.metrics,
    "get_flows_triggered_by_list": account.flows_of_list,
    "get_flows_triggered_by_metric": account.flows_of_metric,
    "request_profile_deletion": account.request_deletion,
    "get_accounts": account.accounts,
}
"""Handler by operation name."""
