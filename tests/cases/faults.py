"""Faults that producers make, by kind, each with what must become of the event.

The kinds are those of public reports. `explain` and a worker must do the same.
"""

from typing import Any, Final, NamedTuple

import orjson


class FaultyEvent(NamedTuple):
    """Event with a fault, and its expected effect.

    Attributes:
        kind: Kind of the fault.
        id: Name of the case within its kind.
        value: The event as JSON.
        intent: Members of the only intent; None for no intent.
        code: Code of the reason for no intent.
    """

    kind: str
    id: str
    value: bytes
    intent: dict[str, Any] | None
    code: str = ""


def _track(**members: Any) -> bytes:  # noqa: ANN401 - any JSON
    body = {"type": "track", "event": "Viewed", "userId": "u1", "properties": {}}
    return orjson.dumps(body | members)


def _identify(traits: dict[str, Any], **members: Any) -> bytes:  # noqa: ANN401 - JSON
    return orjson.dumps(
        {"type": "identify", "userId": "u1", "traits": traits, **members}
    )


def _time(id_: str, text: object, expected: str) -> FaultyEvent:
    intent = {"time": expected} if expected else None
    code = "" if expected else "bad-time"
    return FaultyEvent("time", id_, _track(timestamp=text), intent, code)


def _text(id_: str, name: str, raw: object, *dropped: str) -> FaultyEvent:
    intent = {"profile": {"external_id": "u1"}, "dropped": dropped}
    return FaultyEvent("not-text", id_, _identify({name: raw}), intent)


def _trait(id_: str, traits: dict[str, Any], profile: dict[str, Any]) -> FaultyEvent:
    return FaultyEvent("traits", id_, _identify(traits), {"profile": profile})


def _phone(id_: str, number: str) -> FaultyEvent:
    value = _identify({"email": "a@b.co", "phone": number})
    intent = {"profile": {"email": "a@b.co"}, "dropped": ("bad-phone",)}
    return FaultyEvent("phone", id_, value, intent)


def _junk(id_: str, user: object) -> FaultyEvent:
    value = _identify({"plan": "gold"}, userId=user, anonymousId="a-1")
    return FaultyEvent("junk-id", id_, value, None, "no-identifier")


def _blank(id_: str, value: bytes, **profile: str) -> FaultyEvent:
    return FaultyEvent("invisible", id_, value, {"profile": profile})


def _half(id_: str, value: bytes, intent: dict[str, Any]) -> FaultyEvent:
    return FaultyEvent("half-pair", id_, value, intent)


FAULTY_EVENTS: Final = (
    _time("half-day-clock", "2025-03-01 10:00 PM", "2025-03-01T22:00:00.000Z"),
    _time("noon", "2025-03-01 12:30 pm", "2025-03-01T12:30:00.000Z"),
    _time(
        "javascript-date",
        "Sat Mar 01 2025 10:00:00 GMT+0200 (Eastern European Standard Time)",
        "2025-03-01T08:00:00.000Z",
    ),
    _time("zone", "2025-03-01 10:00:00 Europe/Berlin", "2025-03-01T09:00:00.000Z"),
    _time("slashes", "2025/03/01 10:00", "2025-03-01T10:00:00.000Z"),
    _time("digits", "20250301", "2025-03-01T00:00:00.000Z"),
    _time("day-or-month", "03/04/2025", ""),
    _time("zone-of-several", "2025-03-01 10:00 CST", ""),
    _blank("user-id", _track(userId="\u200b u1\u00a0"), external_id="u1"),
    _blank("email", _identify({"email": "\ufeffa@b.co\t"}), email="a@b.co"),
    _blank(
        "phone",
        _identify({"phone": "\u200e+12025550101 "}),
        phone_number="+12025550101",
    ),
    _blank(
        "address-of-context",
        _track(context={"traits": {"email": " a@b.co\u200d"}}),
        email="a@b.co",
    ),
    _blank(
        "anonymous-id", _track(userId="\u2060", anonymousId=" a-1 "), anonymous_id="a-1"
    ),
    _half(
        "property",
        b'{"type":"track","event":"V","userId":"u1","properties":{"t":"x\\ud83d"}}',
        {"properties": {"t": "x\ufffd"}},
    ),
    _half(
        "name-of-a-property",
        b'{"type":"track","event":"V","userId":"u1","properties":{"\\ude00":1}}',
        {"properties": {"\ufffd": 1}},
    ),
    _half(
        "event-name",
        b'{"type":"track","event":"V\\ud83d","userId":"u1","properties":{}}',
        {"metric": "V\ufffd"},
    ),
    _half(
        "user-id",
        b'{"type":"identify","userId":"u\\ud83d","traits":{}}',
        {"profile": {"external_id": "u\ufffd"}},
    ),
    _half(
        "trait",
        b'{"type":"identify","userId":"u1","traits":{"firstName":"A\\ude00"}}',
        {"profile": {"first_name": "A\ufffd"}},
    ),
    _text("false", "firstName", False, "bad-first-name"),
    _text("zero", "lastName", 0, "bad-last-name"),
    _text("object", "title", {"de": "Frau"}, "bad-title"),
    _text("list", "avatar", ["x.png"], "bad-image"),
    _text("true", "phone", True, "bad-phone"),
    _trait(
        "phone-number",
        {"phone_number": "+12025550101"},
        {"phone_number": "+12025550101"},
    ),
    _trait("company-as-text", {"company": "Acme"}, {"organization": "Acme"}),
    _trait("company-as-object", {"company": {"name": "A"}}, {"organization": "A"}),
    _trait(
        "address-as-text", {"address": "1 Elm"}, {"location": {"address1": "1 Elm"}}
    ),
    _trait(
        "second-line",
        {"address": {"street": "1 Elm", "street2": "Flat 2"}},
        {"location": {"address1": "1 Elm", "address2": "Flat 2"}},
    ),
    _trait("null-clears", {"title": None}, {"title": None}),
    _phone("too-short", "+1202555010"),
    _phone("no-such-area", "+15555550100"),
    _phone("no-such-country", "+2105551234567"),
    _phone("all-zeros", "+10000000000"),
    _phone("too-long", "+4915112345678901"),
    _junk("undefined", "undefined"),
    _junk("null", "null"),
    _junk("zero", "0"),
    _junk("number", 0),
    _junk("object", "[object Object]"),
)


def _subscribed(id_: str, number: str, **members: Any) -> FaultyEvent:  # noqa: ANN401 - any JSON
    traits = {"email": "a@b.co", "phone": number}
    body = {"event": "User Subscribed", "context": {"traits": traits}} | members
    return FaultyEvent("sms-region", id_, _track(**body), None)


REFUSED_NUMBERS: Final = (
    _subscribed("kingdom", "+447400123456"),
    _subscribed("germany", "+4915112345678"),
    _subscribed("india", "+919876543210"),
    _subscribed("brazil", "+5511987654321"),
    _subscribed("nigeria", "+2348031234567"),
    _subscribed(
        "trait", "+33612345678", traits={"email": "a@b.co", "phone": "+33612345678"}
    ),
    _subscribed("device", "+61412345678", userId=None, anonymousId="d-1"),
)
"""Subscriptions by e-mail and SMS, with valid numbers of regions that an account of the
United States sends no SMS to. The e-mail consent must arrive."""
