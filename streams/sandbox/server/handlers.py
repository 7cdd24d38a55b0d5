"""Table of the handler for each API operation."""

from collections.abc import Callable, Mapping
from typing import TypeAlias

from streams.sandbox.account.account import Account
from streams.sandbox.jsonapi.messages import HandlerResponse, ParsedRequest
from streams.sandbox.routes import (
    account_info,
    event_search,
    events,
    import_jobs,
    lists,
    profile_search,
    profiles,
    subscriptions,
    suppressions,
)

Handler: TypeAlias = Callable[[Account, ParsedRequest], HandlerResponse]

HANDLERS: Mapping[str, Handler] = {
    "create_profile": profiles.create,
    "get_profiles": profile_search.search,
    "get_profile": profiles.get,
    "update_profile": profiles.update,
    "get_list_ids_for_profile": profiles.get_list_ids,
    "create_or_update_profile": profiles.create_or_update,
    "merge_profiles": profiles.merge,
    "bulk_import_profiles": import_jobs.submit,
    "get_bulk_import_profiles_jobs": import_jobs.search,
    "get_bulk_import_profiles_job": import_jobs.get,
    "get_errors_for_bulk_import_profiles_job": import_jobs.get_errors,
    "get_profile_ids_for_bulk_import_profiles_job": import_jobs.get_profile_ids,
    "create_list": lists.create,
    "get_lists": lists.search,
    "get_list": lists.get,
    "update_list": lists.update,
    "get_profiles_for_list": lists.get_profiles,
    "get_profile_ids_for_list": lists.get_profile_ids,
    "add_profiles_to_list": lists.add_profiles,
    "remove_profiles_from_list": lists.remove_profiles,
    "create_event": events.create,
    "bulk_create_events": events.create_many,
    "get_events": event_search.search,
    "bulk_subscribe_profiles": subscriptions.subscribe,
    "bulk_unsubscribe_profiles": subscriptions.unsubscribe,
    "bulk_suppress_profiles": suppressions.suppress,
    "bulk_unsuppress_profiles": suppressions.unsuppress,
    "get_metrics": account_info.get_metrics,
    "get_flows_triggered_by_list": account_info.get_list_flows,
    "get_flows_triggered_by_metric": account_info.get_metric_flows,
    "request_profile_deletion": profiles.request_deletion,
    "get_accounts": account_info.get_accounts,
}
"""Handler of each operation, by operation name."""
