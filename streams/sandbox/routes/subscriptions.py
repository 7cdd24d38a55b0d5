"""Subscribe and unsubscribe profiles, channel by channel."""

from collections.abc import Callable
from typing import Literal

from streams.sandbox.account import profile_rules
from streams.sandbox.account.account import Account
from streams.sandbox.account.consent import ConsentTerms, Purpose
from streams.sandbox.account.lists import MailList
from streams.sandbox.account.profiles import StoredProfile
from streams.sandbox.jsonapi import bodies
from streams.sandbox.jsonapi.errors import (
    ErrorResponse,
    bad_request,
    invalid_input,
    not_found,
)
from streams.sandbox.jsonapi.messages import HandlerResponse, JsonObject, ParsedRequest
from streams.sandbox.jsonapi.times import parse_seconds
from streams.sandbox.limits import SUBSCRIBE_MAX_PROFILES, UNSUBSCRIBE_MAX_PROFILES
from streams.sandbox.routes.profile_lookup import (
    PROFILES_POINTER,
    find_job_list,
    get_or_create_profile,
)

_PURPOSES = {
    "email": ("marketing", "open_tracking"),
    "sms": ("marketing", "transactional"),
    "whatsapp": ("marketing", "transactional", "conversational"),
    "push": ("marketing",),
}
"""Channels and purposes of the (un)subscribe jobs, Klaviyo OpenAPI 2026-07-15."""

_ADDRESS_FIELDS = {"email": "email", "sms": "phone_number", "whatsapp": "phone_number"}
"""Profile attribute that a channel sends to."""


def subscribe(account: Account, request: ParsedRequest) -> HandlerResponse:
    """Subscribe profiles to channels, and add the profiles to a list if requested.

    `POST /api/profile-subscription-bulk-create-jobs`: 202.
    """
    job = bodies.resource(request.body, kind="profile-subscription-bulk-create-job")
    job_attributes = bodies.required_object(job, "attributes", pointer="/data")
    terms = _parse_terms(account, job, job_attributes)
    subscribers = _parse_profiles(
        job_attributes,
        maximum=SUBSCRIBE_MAX_PROFILES,
        parse=lambda attributes, pointer: _parse_purposes(
            attributes,
            pointer=pointer,
            consent="SUBSCRIBED",
            historical=terms.historical,
            now_s=request.now_s,
        ),
    )
    _check_profile_ids(account, [item for item, _ in subscribers])
    accepted = _without_refused_sms(account, subscribers)

    def change(at_s: float) -> None:
        for item, row_purposes in accepted:
            for profile, profile_purposes in _find_subscribers(
                account, item, row_purposes, terms=terms, at_s=at_s
            ):
                joins = account.consents.subscribe(
                    profile.id, profile_purposes, terms=terms, now_s=at_s
                )
                if joins and terms.list_id in account.lists.by_id:
                    mail_list = account.lists.by_id[terms.list_id]
                    account.lists.add_members(mail_list, [profile], now_s=at_s)

    account.apply_later(change, now_s=request.now_s)
    return HandlerResponse(status=202, items=len(subscribers))


def unsubscribe(account: Account, request: ParsedRequest) -> HandlerResponse:
    """Unsubscribe profiles from channels, globally or for a list.

    `POST /api/profile-subscription-bulk-delete-jobs`: 202. If the job has a list and
    the profile is a member, the profile leaves that list and email is suppressed for
    that list only. Otherwise, and for channels other than email, the profile is
    unsubscribed globally.
    """
    job = bodies.resource(request.body, kind="profile-subscription-bulk-delete-job")
    job_attributes = bodies.required_object(job, "attributes", pointer="/data")
    mail_list = find_job_list(account, job)
    profiles = _parse_profiles(
        job_attributes,
        maximum=UNSUBSCRIBE_MAX_PROFILES,
        parse=lambda attributes, pointer: _parse_purposes(
            attributes, pointer=pointer, consent="UNSUBSCRIBED", now_s=request.now_s
        ),
    )

    def change(at_s: float) -> None:
        for item, profile_purposes in profiles:
            profile = get_or_create_profile(account, item, at_s=at_s)
            _withdraw(
                account, profile, list(profile_purposes), mail_list=mail_list, at_s=at_s
            )

    account.apply_later(change, now_s=request.now_s)
    return HandlerResponse(status=202, items=len(profiles))


Purposes = dict[Purpose, float | None]
ProfilePurposes = list[tuple[JsonObject, Purposes]]


def _without_refused_sms(
    account: Account, subscribers: ProfilePurposes
) -> ProfilePurposes:
    """Return the rows to apply, without SMS consent that the account cannot accept.

    Raises:
        ErrorResponse: 400, if a refused number fails the whole request.
    """
    accepted: ProfilePurposes = []
    errors = []
    for index, (item, purposes) in enumerate(subscribers):
        kept = {key: value for key, value in purposes.items() if key[0] != "sms"}
        number = item["attributes"].get("phone_number") or ""
        if kept == purposes or number.startswith(account.config.sms_prefixes):
            accepted.append((item, purposes))
        elif account.switches.sms_refusal == "request":
            pointer = f"{PROFILES_POINTER}/data/{index}/attributes/phone_number"
            detail = "The account cannot send SMS to the region of this number."
            errors.append(invalid_input(detail, pointer=pointer))
        elif account.switches.sms_refusal == "channel" and kept:
            accepted.append((item, kept))
    if errors:
        raise ErrorResponse(errors)
    return accepted


def _find_subscribers(
    account: Account,
    item: JsonObject,
    purposes: Purposes,
    *,
    terms: ConsentTerms,
    at_s: float,
) -> list[tuple[StoredProfile, Purposes]]:
    """Return the profiles that a row subscribes, each with the purposes of the consent.

    A profile id decides alone. Without one, the row is written as an event is.
    """
    switches = account.switches
    resolution = account.identities.resolve_activity(item)
    has_effect = terms.list_id or terms.historical
    if (
        resolution.chosen is None
        and not has_effect
        and switches.new_subscriber == "ignore"
    ):
        return []
    if resolution.conflicting and resolution.chosen_by != "id":
        if switches.subscribe_conflict == "drop":
            return []
        if switches.subscribe_conflict == "split":
            return _split_by_address(account, item["attributes"], purposes)
    return [(account.identities.write(resolution, now_s=at_s), purposes)]


def _split_by_address(
    account: Account, attributes: JsonObject, purposes: Purposes
) -> list[tuple[StoredProfile, Purposes]]:
    """Return the owner of each address, with the channels that use the address."""
    split = []
    for name in ("email", "phone_number"):
        owners = account.profiles.find_owners({name: attributes[name]})
        owned = {
            key: value
            for key, value in purposes.items()
            if _ADDRESS_FIELDS.get(key[0], "email") == name
        }
        split += [(owner, owned) for owner in owners if owned]
    return split


def _parse_profiles(
    job_attributes: JsonObject,
    *,
    maximum: int,
    parse: Callable[[JsonObject, str], Purposes],
) -> ProfilePurposes:
    profiles = bodies.required_object(
        job_attributes, "profiles", pointer="/data/attributes"
    )
    items = bodies.data_rows(profiles, pointer=PROFILES_POINTER, maximum=maximum)
    parsed = []
    for index, item in enumerate(items):
        pointer = f"{PROFILES_POINTER}/data/{index}"
        bodies.check_type(item, kind="profile", pointer=pointer)
        profile_attributes = bodies.required_object(item, "attributes", pointer=pointer)
        identifiers = {
            k: v
            for k, v in profile_attributes.items()
            if k in ("email", "phone_number")
        }
        channels = profile_attributes.get("subscriptions")
        push = channels.get("push") if isinstance(channels, dict) else None
        if isinstance(push, dict) and push.get("anonymous_id"):
            identifiers["anonymous_id"] = push["anonymous_id"]
        resource = {"id": item.get("id"), "attributes": identifiers}
        profile_rules.check_resource(resource, pointer=pointer)
        if not profile_rules.has_identifier(resource):
            raise bad_request(
                "'email' or 'phone_number' is required.",
                pointer=f"{pointer}/attributes",
            )
        purposes = parse(profile_attributes, f"{pointer}/attributes")
        parsed.append((resource, purposes))
    return parsed


def _parse_terms(
    account: Account, job: JsonObject, job_attributes: JsonObject
) -> ConsentTerms:
    mail_list = find_job_list(account, job)
    source = job_attributes.get("custom_source")
    if mail_list is None:
        double_opt_in = account.config.double_opt_in
    else:
        double_opt_in = mail_list.opt_in_process == "double_opt_in"
    return ConsentTerms(
        list_id=mail_list.id if mail_list else "",
        double_opt_in=double_opt_in,
        historical=job_attributes.get("historical_import") is True,
        source=source if isinstance(source, str) else None,
    )


def _check_profile_ids(account: Account, items: list[JsonObject]) -> None:
    missing = [
        not_found("profile", item["id"], pointer=f"{PROFILES_POINTER}/data/{index}/id")
        for index, item in enumerate(items)
        if item["id"] and item["id"] not in account.profiles.by_id
    ]
    if missing:
        raise ErrorResponse(missing)


def _withdraw(
    account: Account,
    profile: StoredProfile,
    purposes: list[Purpose],
    *,
    mail_list: MailList | None,
    at_s: float,
) -> None:
    is_member = mail_list is not None and profile.id in mail_list.members
    for purpose in purposes:
        if mail_list is not None and is_member and purpose[0] == "email":
            state = account.consents.state_of(profile.id)
            state.list_suppressions[mail_list.id] = at_s
            account.lists.remove_members(mail_list, [profile])
        else:
            account.consents.unsubscribe(profile.id, purpose, now_s=at_s)


def _parse_purposes(
    attributes: JsonObject,
    *,
    pointer: str,
    consent: Literal["SUBSCRIBED", "UNSUBSCRIBED"],
    now_s: float,
    historical: bool = False,
) -> Purposes:
    """Parse the purposes that a profile subscribes to or unsubscribes from.

    Args:
        attributes: Member `attributes` of the profile.
        pointer: JSON pointer of the attributes.
        consent: Only consent that the request may set.
        now_s: Current time; consent must be older.
        historical: True if the request is a historical import.

    Returns:
        Purpose to time of consent; None if the request has no time.

    Raises:
        ErrorResponse: 400, with a pointer.
    """
    channels = bodies.required_object(attributes, "subscriptions", pointer=pointer)
    pointer = f"{pointer}/subscriptions"
    purposes: Purposes = {}
    for channel in channels:
        if channel not in _PURPOSES:
            raise bad_request("Unknown channel.", pointer=f"{pointer}/{channel}")
        address = _ADDRESS_FIELDS.get(channel)
        if address and not attributes.get(address):
            raise bad_request(
                f"'{address}' is required.", pointer=f"{pointer}/{channel}"
            )
        channel_json = bodies.required_object(channels, channel, pointer=pointer)
        for name in channel_json.keys() & set(_PURPOSES[channel]):
            purposes[channel, name] = _parse_consent(
                channel_json,
                name,
                pointer=f"{pointer}/{channel}",
                consent=consent,
                now_s=now_s,
                historical=historical,
            )
    if not purposes:
        raise bad_request("At least one channel is required.", pointer=pointer)
    return purposes


def _parse_consent(  # noqa: PLR0913  # keyword arguments of _parse_purposes
    channel_json: JsonObject,
    name: str,
    *,
    pointer: str,
    consent: str,
    now_s: float,
    historical: bool,
) -> float | None:
    """Check the consent for a purpose, and return the time of consent."""
    purpose_json = bodies.required_object(channel_json, name, pointer=pointer)
    pointer = f"{pointer}/{name}"
    if purpose_json.get("consent") != consent:
        raise bad_request(f"'consent' must be {consent}.", pointer=f"{pointer}/consent")
    return _consented_at(
        purpose_json, pointer=pointer, now_s=now_s, historical=historical
    )


def _consented_at(
    purpose_json: JsonObject, *, pointer: str, now_s: float, historical: bool
) -> float | None:
    """Parse `consented_at`: required in a historical import, rejected elsewhere."""
    pointer = f"{pointer}/consented_at"
    value = purpose_json.get("consented_at")
    if value is None:
        if historical and "consent" in purpose_json:
            raise bad_request("'consented_at' is required.", pointer=pointer)
        return None
    if not historical:
        raise bad_request(
            "Only a historical import has 'consented_at'.", pointer=pointer
        )
    at_s = parse_seconds(value)
    if at_s is None or at_s >= now_s:
        raise bad_request("'consented_at' must lie in the past.", pointer=pointer)
    return at_s
