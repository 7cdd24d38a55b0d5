"""Record events, singly or in bulk."""

from dataclasses import dataclass, replace

from streams.sandbox.account.account import Account
from streams.sandbox.account.profiles import IDENTIFIERS, StoredProfile
from streams.sandbox.config import DuplicateScope, UnknownMetricHandling
from streams.sandbox.jsonapi import bodies
from streams.sandbox.jsonapi.errors import (
    ErrorResponse,
    bad_request,
    invalid_input,
    not_found,
)
from streams.sandbox.jsonapi.messages import HandlerResponse, JsonObject, ParsedRequest
from streams.sandbox.jsonapi.times import parse_seconds
from streams.sandbox.limits import BULK_EVENTS_MAX
from streams.sandbox.routes import event_rules

_ROWS_POINTER = "/data/attributes/events-bulk-create"


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmittedEvent:
    """Event of a request.

    Attributes:
        profile: Profile resource, validated.
        metric: Name of the metric.
        attributes: Event attributes, validated.
        pointer: JSON pointer of the attributes.
    """

    profile: JsonObject
    metric: str
    attributes: JsonObject
    pointer: str


def create(account: Account, request: ParsedRequest) -> HandlerResponse:
    """Record an event: `POST /api/events`, 202; a duplicate is accepted and ignored."""
    item = bodies.resource(request.body, kind="event")
    pointer = "/data/attributes"
    attributes = bodies.required_object(item, "attributes", pointer="/data")
    profile = event_rules.require_profile(attributes, pointer=pointer)
    event = _parse_event(
        attributes, profile=profile, pointer=pointer, now_s=request.now_s
    )
    _check_profile_ids(account, [event])
    account.apply_later(
        lambda at_s: _record_events(account, [event], at_s), now_s=request.now_s
    )
    return HandlerResponse(status=202, items=1)


def create_many(account: Account, request: ParsedRequest) -> HandlerResponse:
    """Record events, all or no event: `POST /api/event-bulk-create-jobs`, 202."""
    item = bodies.resource(request.body, kind="event-bulk-create-job")
    attributes = bodies.required_object(item, "attributes", pointer="/data")
    rows = bodies.data_rows(
        bodies.required_object(
            attributes, "events-bulk-create", pointer="/data/attributes"
        ),
        pointer=_ROWS_POINTER,
        maximum=BULK_EVENTS_MAX,
    )
    events = [
        event
        for index, row in enumerate(rows)
        for event in _parse_row(
            row, pointer=f"{_ROWS_POINTER}/data/{index}", now_s=request.now_s
        )
    ]
    if len(events) > BULK_EVENTS_MAX:
        raise bad_request(
            f"At most {BULK_EVENTS_MAX} events are allowed.", pointer=_ROWS_POINTER
        )
    _check_profile_ids(account, events)
    _reject_duplicates(account, events)
    account.apply_later(
        lambda at_s: _record_events(account, events, at_s), now_s=request.now_s
    )
    return HandlerResponse(status=202, items=len(events))


def _parse_row(row: JsonObject, *, pointer: str, now_s: float) -> list[SubmittedEvent]:
    bodies.check_type(row, kind="event-bulk-create", pointer=pointer)
    attributes = bodies.required_object(row, "attributes", pointer=pointer)
    row_pointer = f"{pointer}/attributes"
    profile = event_rules.require_profile(attributes, pointer=row_pointer)
    events = bodies.required_object(attributes, "events", pointer=row_pointer)
    parsed = []
    items = bodies.data_rows(
        events, pointer=f"{row_pointer}/events", maximum=BULK_EVENTS_MAX
    )
    for index, item in enumerate(items):
        event_pointer = f"{row_pointer}/events/data/{index}"
        bodies.check_type(item, kind="event", pointer=event_pointer)
        event_attributes = bodies.required_object(
            item, "attributes", pointer=event_pointer
        )
        event_attributes.setdefault("backfill", attributes.get("backfill"))
        event_pointer = f"{event_pointer}/attributes"
        parsed.append(
            _parse_event(
                event_attributes, profile=profile, pointer=event_pointer, now_s=now_s
            )
        )
    return parsed


def _parse_event(
    attributes: JsonObject, *, profile: JsonObject, pointer: str, now_s: float
) -> SubmittedEvent:
    metric = event_rules.require_metric(attributes, pointer=pointer)
    errors = event_rules.find_errors(attributes, pointer=pointer, now_s=now_s)
    if errors:
        raise ErrorResponse(errors)
    return SubmittedEvent(
        profile=profile, metric=metric, attributes=attributes, pointer=pointer
    )


def _check_profile_ids(account: Account, events: list[SubmittedEvent]) -> None:
    if account.switches.event_unknown_id == "accept":
        return
    for event in events:
        profile_id = event.profile.get("id")
        if profile_id and profile_id not in account.profiles.by_id:
            pointer = f"{event.pointer}/profile/data/id"
            raise ErrorResponse([not_found("profile", profile_id, pointer=pointer)])


def _reject_duplicates(account: Account, events: list[SubmittedEvent]) -> None:
    """Reject the request if a unique id is duplicated for a profile and metric."""
    seen = set()
    for event in events:
        unique_id = event.attributes.get("unique_id")
        if not unique_id:
            continue
        key = (_owner_key(account, event.profile), event.metric, unique_id)
        if key in seen or _is_recorded(account, key):
            raise ErrorResponse(
                [
                    invalid_input(
                        "'unique_id' repeats for this profile and metric.",
                        pointer=f"{event.pointer}/unique_id",
                    )
                ]
            )
        seen.add(key)


def _is_recorded(account: Account, key: tuple[str, str, str]) -> bool:
    if account.config.bulk_duplicates is DuplicateScope.REQUEST:
        return False
    metric = account.events.metric_names.get(key[1])
    return metric is not None and (key[0], metric.id, key[2]) in account.events.by_key


def _owner_key(account: Account, profile: JsonObject) -> str:
    owner = account.identities.resolve_activity(profile).chosen
    if owner is not None:
        return owner.id
    attributes: JsonObject = profile["attributes"]
    values = (f"{name}={attributes.get(name) or ''}" for name in IDENTIFIERS)
    return "&".join(values).lower()


def _record_events(account: Account, events: list[SubmittedEvent], at_s: float) -> None:
    for event in events:
        unknown = event.metric not in account.events.metric_names
        if unknown and account.config.unknown_metrics is UnknownMetricHandling.IGNORE:
            account.events.ignored_count += 1
            continue
        profile = _write_profile(account, event.profile, at_s=at_s)
        if profile is None:
            account.events.ignored_count += 1
            continue
        time_s = int(parse_seconds(event.attributes.get("time")) or at_s)
        account.events.record(
            event.attributes,
            profile_id=profile.id,
            metric=account.events.get_or_create_metric(event.metric, now_s=at_s),
            time_s=time_s,
        )
        profile.last_event_s = max(profile.last_event_s or time_s, time_s)


def _write_profile(
    account: Account, item: JsonObject, *, at_s: float
) -> StoredProfile | None:
    """Write the profile of an event; None if the event is not recorded."""
    resolution = account.identities.resolve_activity(item)
    attributes = resolution.attributes
    has_other = any(map(attributes.get, IDENTIFIERS))
    if resolution.chosen is None and item.get("id") and not has_other:
        return None
    if resolution.conflicting and account.switches.event_conflict == "drop":
        return None
    if resolution.conflicting and account.switches.event_conflict == "email":
        email_owners = account.profiles.find_owners({"email": attributes.get("email")})
        chosen = (*email_owners, resolution.chosen)[0]
        resolution = replace(resolution, chosen=chosen, folded=())
    return account.identities.write(resolution, meta=item.get("meta"), now_s=at_s)
