"""Small model of a Klaviyo account after intents have taken effect.

Everything it holds is a fact: a key, such as a profile on a list, and a value. Two
Klaviyos are equal if their facts are.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from streams.actions.intents import (
    ConsentChange,
    EventRecord,
    Intent,
    ListAdd,
    ListRemove,
    ProfileUpsert,
)

IDENTIFIERS = ("external_id", "email", "phone_number", "anonymous_id")
ATTRIBUTES = frozenset(
    {*IDENTIFIERS, "first_name", "last_name", "organization", "title", "image"}
    | {"locale", "location", "properties"}
)

Who = tuple[tuple[str, str], ...]
Key = tuple[Any, ...]


def who_of(attributes: dict[str, Any]) -> Who:
    """Return a profile's identifiers; the case of an e-mail address does not count."""
    identifiers = {
        name: attributes[name] for name in IDENTIFIERS if attributes.get(name)
    }
    if "email" in identifiers:
        identifiers["email"] = identifiers["email"].lower()
    return tuple(sorted(identifiers.items()))


def instant(time: object) -> object:
    """Convert a time to a UTC instant; any other value stays unchanged."""
    if not isinstance(time, str) or not time:
        return time
    moment = datetime.fromisoformat(time)
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return aware.astimezone(UTC).isoformat()


@dataclass(frozen=True, slots=True)
class AccountEffects:
    """Facts that a Klaviyo account holds.

    Attributes:
        knows: Whether a look-up finds whoever is looked up.
        facts: Key -> value.
    """

    knows: bool = True
    facts: dict[Key, Any] = field(default_factory=dict)

    def profile(self, attributes: dict[str, Any]) -> Who:
        """Create or update a profile; unknown attributes become custom properties."""
        who = who_of(attributes)
        kept = self.facts.setdefault(("profile", who), {})
        custom = {**attributes.get("properties", {})}
        for name, value in attributes.items():
            if name not in ATTRIBUTES:
                custom[name] = value
            elif name not in {*IDENTIFIERS, "properties"} and value != {}:
                kept[name] = value
        kept.setdefault("properties", {}).update(custom)
        return who

    def member(self, who: Who, list_id: str, *, state: str) -> None:
        """Add a profile to a list, or remove the profile."""
        if who:
            self.facts["member", who, list_id] = state

    def event(self, attributes: dict[str, Any]) -> None:
        """Record an event; duplicates without an id are counted."""
        owner = attributes["profile"]["data"]["attributes"]
        who = self.profile(owner)
        metric = attributes["metric"]["data"]["attributes"]["name"]
        properties = json.dumps(attributes["properties"], sort_keys=True)
        count = 0
        while ("event", who, metric, properties, count) in self.facts:
            count += 1
        self.facts["event", who, metric, properties, count] = {
            "time": instant(attributes.get("time")),
            "unique_id": attributes.get("unique_id"),
            "value": attributes.get("value"),
        }

    def consent(
        self, profile: dict[str, Any], *, list_id: str, source: dict[str, Any]
    ) -> None:
        """Change a profile's consent to the channels of the subscriptions."""
        who = who_of(profile)
        for channel, kinds in profile["subscriptions"].items():
            for kind, subscription in kinds.items():
                key = ("consent", who, f"{channel}.{kind}", list_id)
                at = instant(subscription.get("consented_at"))
                self.facts[key] = {
                    **source,
                    "consent": subscription["consent"],
                    "at": at,
                }

    def job(self, endpoint: str, data: dict[str, Any]) -> None:
        """Apply the body of a request with whole records."""
        attributes, related = data["attributes"], data.get("relationships", {})
        match endpoint:
            case "events":
                self.event(attributes)
            case "event-bulk-create-jobs":
                for group in attributes["events-bulk-create"]["data"]:
                    self._events(group["attributes"])
            case "profile-bulk-import-jobs":
                self._imports(attributes, related)
            case _:
                self._consents(attributes, related)

    def _events(self, group: dict[str, Any]) -> None:
        for event in group["events"]["data"]:
            self.event({**event["attributes"], "profile": group["profile"]})

    def _imports(self, attributes: dict[str, Any], related: dict[str, Any]) -> None:
        lists = [item["id"] for item in related.get("lists", {"data": []})["data"]]
        for item in attributes["profiles"]["data"]:
            who = self.profile(item["attributes"])
            for list_id in lists:
                self.member(who, list_id, state="in")

    def _consents(self, attributes: dict[str, Any], related: dict[str, Any]) -> None:
        list_id = related["list"]["data"]["id"] if "list" in related else ""
        source = {
            "source": attributes.get("custom_source"),
            "historical": attributes.get("historical_import", False),
        }
        for item in attributes["profiles"]["data"]:
            self.consent(item["attributes"], list_id=list_id, source=source)


def after(intents: Iterable[Intent], *, knows: bool) -> AccountEffects:
    """Return the account after intents have taken effect in order."""
    klaviyo = AccountEffects(knows=knows)
    for intent in intents:
        match intent:
            case ProfileUpsert() | ListAdd():
                who = klaviyo.profile(intent.profile)
                if intent.list_id:
                    klaviyo.member(who, intent.list_id, state="in")
            case ListRemove():
                _remove(klaviyo, intent)
            case EventRecord():
                klaviyo.event(_event(intent))
            case ConsentChange():
                _change(klaviyo, intent)
            case _:
                raise AssertionError(intent)
    return klaviyo


def _remove(klaviyo: AccountEffects, removal: ListRemove) -> None:
    if klaviyo.knows:
        name, value = next(iter(removal.identifiers.items()))
        klaviyo.member(who_of({name: value}), removal.list_id, state="out")


def _event(record: EventRecord) -> dict[str, Any]:
    return {
        "profile": {"data": {"attributes": record.profile}},
        "metric": {"data": {"attributes": {"name": record.metric}}},
        "properties": record.properties,
        "time": record.time or None,
        "unique_id": record.unique_id or None,
        "value": record.value,
    }


def _change(klaviyo: AccountEffects, change: ConsentChange) -> None:
    subscriptions: dict[str, Any] = {}
    for channel in change.channels:
        name, _, kind = channel.partition(".")
        subscription = {
            "consent": change.consent,
            "consented_at": change.consented_at or None,
        }
        subscriptions.setdefault(name, {})[kind] = subscription
    source = {
        "source": change.custom_source or None,
        "historical": change.historical_import,
    }
    profile = {**change.profile, "subscriptions": subscriptions}
    klaviyo.consent(profile, list_id=change.list_id, source=source)
