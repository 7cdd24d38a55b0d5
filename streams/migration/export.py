"""Exports of Segment: settings of the classic destination, subscriptions, audiences.

The shapes are those of Segment's Public API (`GET /destinations`, `/destinations/{id}`,
`/destinations/{id}/subscriptions`, `/spaces/{id}/audiences`), with or without the
envelope `data`, and the same objects alone, as people copy them from the UI. The
settings of the classic destination are described in Segment's documentation
(segment-docs, `destinations/catalog/klaviyo`).
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import msgspec

from streams.errors import ConfigError
from streams.mapping.values import Json

_CLASSIC_NAMES: Final = frozenset(
    {
        *("privatekey", "listid", "confirmoptin", "enforceemail"),
        *("sendanonymous", "sendanonymousdata"),
    }
)
"""Names, in lower case, by which settings are known as the classic destination's."""

_SUBSCRIPTION_NAMES: Final = frozenset(("partnerAction", "actionSlug", "action_slug"))
_ENVELOPES: Final = ("data", "destination", "audience", "subscription")
_COLLECTIONS: Final = ("destinations", "subscriptions", "audiences", "mappings")


class ClassicSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Settings of the classic Klaviyo destination, with Segment's defaults.

    Attributes:
        list_id: List to which identify calls add; empty for none.
        confirm_opt_in: Ask for confirmation before the person is on the list.
        enforce_email: Send only what has an address, without the user id.
        send_anonymous: Take the anonymous id where there is no user id.
        keeps_order_completed: Record `Order Completed`, not `Placed Order`.
        has_private_key: The export holds a private key.
        unknown: Names of settings that are not known here.
    """

    list_id: str = ""
    confirm_opt_in: bool = True
    enforce_email: bool = True
    send_anonymous: bool = False
    keeps_order_completed: bool = False
    has_private_key: bool = False
    unknown: tuple[str, ...] = ()


class AudienceExport(msgspec.Struct, frozen=True, kw_only=True):
    """Audience of Engage, as exported.

    Attributes:
        key: Key of the audience, as events have it.
        name: Name for people.
        list_id: Klaviyo's list, if the export names one.
        enabled: Whether Engage computes it.
    """

    key: str
    name: str = ""
    list_id: str = ""
    enabled: bool = True


class Export(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that was found in some files.

    Attributes:
        classic: Settings of the classic destination; None if there are none.
        subscriptions: Subscriptions of the Actions destination, as exported.
        audiences: Audiences of Engage.
        notes: What was left out, and why; without values of the export.
    """

    classic: ClassicSettings | None = None
    subscriptions: tuple[Mapping[str, Json], ...] = ()
    audiences: tuple[AudienceExport, ...] = ()
    notes: tuple[str, ...] = ()


def read_exports(documents: Iterable[tuple[str, Json]]) -> Export:
    """Read exports of any of the known shapes.

    Args:
        documents: Name and decoded JSON of each file.

    Raises:
        ConfigError: A file holds none of the shapes, or two settings of the classic
            destination contradict each other.
    """
    reader = _Reader()
    problems = []
    for name, document in documents:
        if not reader.read(document):
            problems.append(
                f"{name}: holds no Klaviyo destination, subscription or audience; "
                "export them with Segment's Public API: GET /destinations/{id}, "
                "/destinations/{id}/subscriptions, /spaces/{id}/audiences"
            )
    if len(set(reader.classic)) > 1:
        problems.append(
            "the files hold settings of several classic destinations; migrate them "
            "one by one"
        )
    if problems:
        raise ConfigError(problems)
    return Export(
        classic=next(iter(reader.classic), None),
        subscriptions=tuple(reader.subscriptions),
        audiences=tuple(reader.audiences),
        notes=tuple(dict.fromkeys(reader.notes)),
    )


class _Reader:
    """Finds the known objects in documents."""

    def __init__(self) -> None:
        self.classic: list[ClassicSettings] = []
        self.subscriptions: list[Mapping[str, Json]] = []
        self.audiences: list[AudienceExport] = []
        self.notes: list[str] = []

    def read(self, value: Json) -> bool:
        """Read a value, and return True if it holds a known object."""
        if isinstance(value, list):
            found = [self.read(item) for item in value]
            return any(found)
        if not isinstance(value, dict):
            return False
        if self._read_object(value):
            return True
        parts = [value[name] for name in (*_ENVELOPES, *_COLLECTIONS) if name in value]
        found = [self.read(part) for part in parts]
        return any(found)

    def _read_object(self, value: dict[str, Json]) -> bool:
        settings = value.get("settings")
        if not _SUBSCRIPTION_NAMES.isdisjoint(value):
            self.subscriptions.append(value)
        elif isinstance(settings, dict) and "metadata" in value:
            self._read_destination(value, settings)
        elif "key" in value and ("definition" in value or "spaceId" in value):
            self.audiences.append(_read_audience(value))
        elif not _CLASSIC_NAMES.isdisjoint(name.lower() for name in value):
            self.classic.append(read_classic(value))
        else:
            return False
        return True

    def _read_destination(
        self, value: dict[str, Json], settings: dict[str, Json]
    ) -> None:
        metadata = value["metadata"]
        slug = str(metadata.get("slug", "")) if isinstance(metadata, dict) else ""
        if "klaviyo" not in slug:
            self.notes.append("a destination that is not Klaviyo's was left out")
        elif slug.startswith("actions-"):
            self.notes.append(
                "the API key of the Actions destination was left out: set it as "
                "KLAVIYO_API_KEY"
            )
        else:
            self.classic.append(read_classic(settings))


def read_classic(settings: Mapping[str, Json]) -> ClassicSettings:
    """Read settings of the classic destination; names count without capitals."""
    values = {name.lower().replace("_", ""): value for name, value in settings.items()}
    order_names = [name for name in values if "ordercompleted" in name]
    known = {*_CLASSIC_NAMES, "apikey", *order_names}
    list_id = values.get("listid")
    anonymous = values.get("sendanonymousdata", values.get("sendanonymous"))
    return ClassicSettings(
        list_id=list_id if isinstance(list_id, str) else "",
        confirm_opt_in=values.get("confirmoptin") is not False,
        enforce_email=values.get("enforceemail") is not False,
        send_anonymous=anonymous is True,
        keeps_order_completed=any(values[name] is True for name in order_names),
        has_private_key=bool(values.get("privatekey")),
        unknown=tuple(
            name for name in settings if name.lower().replace("_", "") not in known
        ),
    )


def _read_audience(value: Mapping[str, Json]) -> AudienceExport:
    return AudienceExport(
        key=str(value["key"]),
        name=str(value.get("name") or ""),
        list_id=_find_list_id(value),
        enabled=value.get("enabled") is not False,
    )


def _find_list_id(value: Mapping[str, Json]) -> str:
    """Return the list of an audience, where its connection to Klaviyo names one."""
    candidates: Sequence[Json] = [value, value.get("settings")]
    connections = value.get("destinations")
    if isinstance(connections, list):
        settings = [one.get("settings") for one in connections if isinstance(one, dict)]
        candidates = [*candidates, *connections, *settings]
    for candidate in candidates:
        if isinstance(candidate, dict):
            for name in ("listId", "list_id", "external_audience_id"):
                if isinstance(candidate.get(name), str):
                    return str(candidate[name])
    return ""
