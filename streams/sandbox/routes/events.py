"""Events: one, many at once, and reading them."""

from dataclasses import dataclass

from streams.sandbox import bodies, event_rules
from streams.sandbox.calls import Answer, Call, Json
from streams.sandbox.config import BulkRepeats, UnknownMetrics
from streams.sandbox.errors import Refusal, invalid, not_found, refuse
from streams.sandbox.limits import BULK_EVENTS_MAX
from streams.sandbox.patches import patched
from streams.sandbox.profiles import IDENTIFIERS, Profile
from streams.sandbox.times import seconds
from streams.sandbox.world import World

_ROWS = "/data/attributes/events-bulk-create"


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """One event as it was given.

    Attributes:
        profile: Profile resource, validated.
        metric: Name of the metric.
        attributes: Event attributes, validated.
        pointer: JSON pointer of the attributes.
    """

    profile: Json
    metric: str
    attributes: Json
    pointer: str


def create(world: World, call: Call) -> Answer:
    """`POST /api/events`: 202; a repeat is accepted and changes nothing."""
    item = bodies.resource(call.body, kind="event")
    pointer = "/data/attributes"
    attributes = bodies.member(item, "attributes", pointer="/data")
    profile = event_rules.profile_of(attributes, pointer=pointer)
    given = _event(attributes, profile=profile, pointer=pointer, now_s=call.now_s)
    _known(world, [given])
    world.settle(lambda at_s: _record(world, [given], at_s), now_s=call.now_s)
    return Answer(status=202, items=1)


def create_many(world: World, call: Call) -> Answer:
    """`POST /api/event-bulk-create-jobs`: 202, or one fault and nothing done."""
    item = bodies.resource(call.body, kind="event-bulk-create-job")
    attributes = bodies.member(item, "attributes", pointer="/data")
    rows = bodies.rows(
        bodies.member(attributes, "events-bulk-create", pointer="/data/attributes"),
        pointer=_ROWS,
        maximum=BULK_EVENTS_MAX,
    )
    given = [
        one
        for index, row in enumerate(rows)
        for one in _row(row, pointer=f"{_ROWS}/data/{index}", now_s=call.now_s)
    ]
    if len(given) > BULK_EVENTS_MAX:
        raise refuse(f"At most {BULK_EVENTS_MAX} events are allowed.", pointer=_ROWS)
    _known(world, given)
    _refuse_repeats(world, given)
    world.settle(lambda at_s: _record(world, given, at_s), now_s=call.now_s)
    return Answer(status=202, items=len(given))


def _row(row: Json, *, pointer: str, now_s: float) -> list[Given]:
    bodies.typed(row, kind="event-bulk-create", pointer=pointer)
    attributes = bodies.member(row, "attributes", pointer=pointer)
    here = f"{pointer}/attributes"
    profile = event_rules.profile_of(attributes, pointer=here)
    events = bodies.member(attributes, "events", pointer=here)
    found = []
    items = bodies.rows(events, pointer=f"{here}/events", maximum=BULK_EVENTS_MAX)
    for index, item in enumerate(items):
        at = f"{here}/events/data/{index}"
        bodies.typed(item, kind="event", pointer=at)
        given = bodies.member(item, "attributes", pointer=at)
        given.setdefault("backfill", attributes.get("backfill"))
        at = f"{at}/attributes"
        found.append(_event(given, profile=profile, pointer=at, now_s=now_s))
    return found


def _event(attributes: Json, *, profile: Json, pointer: str, now_s: float) -> Given:
    metric = event_rules.metric_of(attributes, pointer=pointer)
    found = event_rules.faults(attributes, pointer=pointer, now_s=now_s)
    if found:
        raise Refusal(found)
    return Given(profile=profile, metric=metric, attributes=attributes, pointer=pointer)


def _known(world: World, given: list[Given]) -> None:
    for one in given:
        profile_id = one.profile.get("id")
        if profile_id and profile_id not in world.profiles.by_id:
            pointer = f"{one.pointer}/profile/data/id"
            raise Refusal([not_found("profile", profile_id, pointer=pointer)])


def _refuse_repeats(world: World, given: list[Given]) -> None:
    """A repeated unique id of one profile and metric fails the whole request."""
    seen = set()
    for one in given:
        unique_id = one.attributes.get("unique_id")
        if not unique_id:
            continue
        key = (_whose(world, one.profile), one.metric, unique_id)
        if key in seen or _in_history(world, key):
            raise Refusal(
                [
                    invalid(
                        "'unique_id' repeats for this profile and metric.",
                        pointer=f"{one.pointer}/unique_id",
                    )
                ]
            )
        seen.add(key)


def _in_history(world: World, key: tuple[str, str, str]) -> bool:
    if world.config.bulk_repeats is BulkRepeats.REQUEST:
        return False
    metric = world.events.metric_names.get(key[1])
    return metric is not None and (key[0], metric.id, key[2]) in world.events.by_key


def _owner(world: World, profile: Json) -> Profile | None:
    named = world.profiles.by_id.get(profile.get("id") or "")
    owners = world.profiles.owners(profile["attributes"])
    return named or (owners[0] if owners else None)


def _whose(world: World, profile: Json) -> str:
    owner = _owner(world, profile)
    if owner is not None:
        return owner.id
    attributes: Json = profile["attributes"]
    values = (f"{name}={attributes.get(name) or ''}" for name in IDENTIFIERS)
    return "&".join(values).lower()


def _record(world: World, given: list[Given], at_s: float) -> None:
    for one in given:
        unknown = one.metric not in world.events.metric_names
        if unknown and world.config.unknown_metrics is UnknownMetrics.IGNORE:
            world.events.ignored += 1
            continue
        profile = _written(world, one.profile, at_s=at_s)
        time_s = int(seconds(one.attributes.get("time")) or at_s)
        world.events.record(
            one.attributes,
            profile_id=profile.id,
            metric=world.events.metric(one.metric, now_s=at_s),
            time_s=time_s,
        )
        profile.last_event_s = max(profile.last_event_s or time_s, time_s)


def _written(world: World, item: Json, *, at_s: float) -> Profile:
    profile = _owner(world, item)
    if profile is None:
        profile = world.profiles.create(item["attributes"], now_s=at_s)
    else:
        world.profiles.adopt(profile, item["attributes"], now_s=at_s)
    changes = patched(profile, item.get("meta"))
    if changes:
        world.profiles.update(profile, {"properties": changes}, now_s=at_s)
    return profile
