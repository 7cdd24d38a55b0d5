"""Switches: behaviour of the sandbox where Klaviyo's own is not established.

A switch has a default and one or more alternatives, so that a client can be tested
against each. Set switches with `SandboxConfig(switches=Switches(...))`, with the option
`--switch NAME=VALUE` of the command, or in a running sandbox with
`POST /sandbox/switches`. `GET /sandbox/switches` shows the table.

`streams/sandbox/IDENTITY.md` has the rules that are established, and the evidence.
"""

from dataclasses import dataclass, field, fields
from typing import Any, Literal, get_args, get_type_hints


def _switch(default: str, *, section: str, about: str) -> Any:  # noqa: ANN401  # as `field`
    return field(default=default, metadata={"section": section, "about": about})


@dataclass(slots=True, kw_only=True)
class Switches:
    """All switches; the values of a switch are those of its type."""

    anonymous_id: Literal["refuse", "ignore"] = _switch(
        "refuse",
        section="A1",
        about="`anonymous_id` in the payload of a profile, not of an event",
    )
    conflict_names: Literal["other", "chosen", "none"] = _switch(
        "other",
        section="A3",
        about="owner that `duplicate_profile_id` names: another than the profile that "
        "the ranking chooses, that profile, or none",
    )
    id_conflict: Literal["conflict", "not-found"] = _switch(
        "conflict",
        section="A3",
        about="profile-import with the id of one profile and an identifier of another: "
        "409 or 404",
    )
    import_conflict_code: Literal["duplicate_profile", "invalid"] = _switch(
        "duplicate_profile",
        section="A3",
        about="code of the import error of a row with identifiers of two profiles",
    )
    event_conflict: Literal["higher", "email", "drop"] = _switch(
        "higher",
        section="A3",
        about="event with identifiers of two profiles: recorded for the owner of the "
        "higher identifier, recorded for the owner of the email, or dropped",
    )
    event_unknown_id: Literal["refuse", "accept"] = _switch(
        "refuse",
        section="A3",
        about="event with an unknown profile id: 404, or 202 and the other identifiers "
        "decide",
    )
    subscribe_conflict: Literal["higher", "split", "drop"] = _switch(
        "higher",
        section="A3",
        about="subscription with the email and the phone number of two profiles: all "
        "consent for the owner of the email, each channel for the owner of its "
        "address, or no effect",
    )
    new_subscriber: Literal["create", "ignore"] = _switch(
        "create",
        section="A3",
        about="subscription of an unknown address with neither list nor historical "
        "import: a new profile, or no effect",
    )
    external_id_fold: Literal["fold", "conflict"] = _switch(
        "fold",
        section="A4",
        about="profile without an external id, named beside the external id of another "
        "profile: folded into that profile, or a conflict",
    )
    beside_id: Literal["conflict", "fold"] = _switch(
        "conflict",
        section="E1",
        about="profile known by nothing above an email or external id that a request "
        "names beside the id of another profile",
    )
    patch_identifiers: Literal["ignore", "refuse"] = _switch(
        "ignore",
        section="A5",
        about="`meta.patch_identifiers` in an account without multi-email profiles",
    )
    merge_external_id: Literal["destination", "latest"] = _switch(
        "destination",
        section="B1",
        about="external id that a fold keeps: that of the destination, or that of the "
        "profile that was updated last",
    )
    merge_status: Literal["202", "201"] = _switch(
        "202",
        section="B2",
        about="status of profile-merge: as observed, or as in Klaviyo's OpenAPI",
    )
    anonymous_fold: Literal["fold", "keep"] = _switch(
        "fold",
        section="C",
        about="anonymous profile, named by an event with a higher identifier",
    )
    email_change_consent: Literal["stays-with-profile", "goes-with-address"] = _switch(
        "stays-with-profile",
        section="E2",
        about="email consent and suppressions when a profile gets another email",
    )
    taken_phone: Literal["rewrite", "keep", "new"] = _switch(
        "rewrite",
        section="J2",
        about="event or subscription with an unknown email and the phone number of a "
        "profile that has another email: its email is replaced, its email is kept, or "
        "a new profile without the phone number",
    )
    sms_refusal: Literal["request", "row", "channel"] = _switch(
        "request",
        section="S",
        about="SMS consent for a number outside `SandboxConfig.sms_prefixes`: 400 for "
        "the request, no effect of the row, or no effect of the SMS part of the row",
    )

    def set_values(self, values: dict[str, object]) -> None:
        """Set switches by name; an unknown name or a wrong value changes no switch.

        Raises:
            ValueError: Unknown name or value; the text lists the possible ones.
        """
        for name, value in values.items():
            if name not in VALUES:
                raise ValueError(f"No switch '{name}'. Switches: {', '.join(VALUES)}.")
            if value not in VALUES[name]:
                choices = ", ".join(VALUES[name])
                raise ValueError(f"Switch '{name}' is one of {choices}.")
        for name, value in values.items():
            setattr(self, name, value)

    def as_json(self) -> list[dict[str, object]]:
        """Return the table of switches: value, default, values, section, and help."""
        return [
            {
                "name": item.name,
                "value": getattr(self, item.name),
                "default": item.default,
                "values": list(VALUES[item.name]),
                **item.metadata,
            }
            for item in fields(self)
        ]


VALUES: dict[str, tuple[str, ...]] = {
    name: get_args(kind) for name, kind in get_type_hints(Switches).items()
}
"""Values of each switch, the default first."""
