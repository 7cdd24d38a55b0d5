"""Filling the sandbox fast, past the API: no quota, no job, no counter."""

from streams.sandbox import attributes
from streams.sandbox.calls import Json
from streams.sandbox.errors import ApiError, Refusal, invalid, refuse
from streams.sandbox.imports import upsert
from streams.sandbox.inspection import Ask
from streams.sandbox.profiles import Profile
from streams.sandbox.standing import Consent
from streams.sandbox.world import World


def seed_profiles(world: World, ask: Ask) -> Json:
    """Create or update profiles: a list of attributes objects.

    Returns:
        `ids`, in the order given.
    """
    return {"ids": [one.id for one in write_profiles(world, ask.body, ask.now_s)]}


def write_profiles(world: World, given: object, now_s: float) -> list[Profile]:
    """Create or update profiles from their attributes.

    Raises:
        Refusal: Attributes Klaviyo would not take, or identifiers of two profiles.
    """
    written = []
    for index, item in enumerate(_listed(given)):
        attributes.check(item, pointer=f"/{index}")
        result = upsert(world.profiles, {"attributes": item}, now_s=now_s)
        if isinstance(result, ApiError):
            raise Refusal([result])
        written.append(result)
    return written


def seed_lists(world: World, ask: Ask) -> Json:
    """Create lists: `[{"name", "opt_in_process", "members": [attributes]}]`.

    Returns:
        `ids`, in the order given.
    """
    made = []
    for item in _listed(ask.body):
        mail_list = world.lists.create(
            str(item.get("name", "")),
            opt_in_process=item.get("opt_in_process", "single_opt_in"),
            now_s=ask.now_s,
        )
        members = write_profiles(world, item.get("members", []), ask.now_s)
        world.lists.join(mail_list, members, now_s=ask.now_s)
        mail_list.changes.effective_adds = 0
        made.append(mail_list.id)
    return {"ids": made}


def seed_consent(world: World, ask: Ask) -> Json:
    """Set standings: `[{"profile_id", "email": "SUBSCRIBED", "suppress": [reason]}]`.

    `email`, `sms`, `push` and `whatsapp` set marketing consent of that channel.
    """
    for item in _listed(ask.body):
        profile_id = item.get("profile_id")
        if profile_id not in world.profiles.by_id:
            raise refuse("Unknown 'profile_id'.", pointer="/profile_id")
        standing = world.consents.of(profile_id)
        for channel in item.keys() & {"email", "sms", "push", "whatsapp"}:
            standing.consents[channel, "marketing"] = Consent(
                status=item[channel], consented_s=ask.now_s, updated_s=ask.now_s
            )
        for reason in item.get("suppress", []):
            world.consents.suppress(profile_id, reason, now_s=ask.now_s)
    return {}


def confirm(world: World, ask: Ask) -> Json:
    """Click the confirmation mails of a profile: `{"profile_id"}`."""
    body = ask.body if isinstance(ask.body, dict) else {}
    profile = world.profiles.by_id.get(body.get("profile_id", ""))
    if profile is None:
        raise refuse("Unknown 'profile_id'.", pointer="/profile_id")
    joined = world.consents.confirm(profile.id, now_s=ask.now_s)
    for list_id in joined:
        if list_id in world.lists.by_id:
            world.lists.join(world.lists.by_id[list_id], [profile], now_s=ask.now_s)
    return {"lists": joined}


def seed_metrics(world: World, ask: Ask) -> Json:
    """Create metrics: a list of names."""
    names = ask.body if isinstance(ask.body, list) else []
    return {"ids": [world.events.metric(str(n), now_s=ask.now_s).id for n in names]}


def seed_flows(world: World, ask: Ask) -> Json:
    """Create flows: `[{"name", "list_id" or "metric_id", "status"}]`."""
    made = []
    for item in _listed(ask.body):
        trigger = item.get("list_id") or item.get("metric_id")
        if not isinstance(trigger, str):
            raise Refusal([invalid("A flow has a 'list_id' or a 'metric_id'.")])
        kind = "Added to List" if item.get("list_id") else "Metric"
        made.append(
            world.flows.create(
                str(item.get("name", "Flow")),
                trigger=trigger,
                trigger_type=kind,
                status=str(item.get("status", "live")),
                now_s=ask.now_s,
            ).id
        )
    return {"ids": made}


def _listed(given: object) -> list[Json]:
    if not isinstance(given, list) or not all(isinstance(one, dict) for one in given):
        raise refuse("A list of objects is required.", pointer="/")
    return given
