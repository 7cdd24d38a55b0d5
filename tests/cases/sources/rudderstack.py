"""Cases of the format `rudderstack`.

Shapes: rudder-transformer commit c98d160, test/integrations/destinations/klaviyo and
src/types/rudderEvents.ts; the values are ours.
"""

from typing import Any

from tests.cases.sources.case import NOT_JSON, Bad, Good

TRAITS: dict[str, Any] = {
    "firstName": "Test",
    "email": "test@example.com",
    "phone": "+12025550123",
    "title": "Developer",
    "properties": {"listId": "XUepkK", "subscribe": True, "consent": ["email", "sms"]},
}
IDENTIFY: dict[str, Any] = {
    "type": "identify",
    "sentAt": "2026-01-03T17:02:53.195Z",
    "userId": "user@1",
    "channel": "web",
    "context": {"library": {"name": "RudderLabs JavaScript SDK"}, "traits": TRAITS},
    "rudderId": "8f8fa6b5-8e24-489c-8e22-61f23f2e364f",
    "messageId": "m-1",
    "anonymousId": "97c46c81-3140-456d-b2a9-690d70aaca35",
    "originalTimestamp": "2026-01-03T17:02:53.193Z",
}
TRACK: dict[str, Any] = {
    **IDENTIFY,
    "type": "track",
    "event": "TestEvent001",
    "properties": {"PreviouslyVicePresident": True, "value": 3000},
}
GROUP: dict[str, Any] = {
    "type": "group",
    "userId": "user123",
    "groupId": "L1",
    "traits": {"subscribe": True},
    "context": {"traits": {"email": "test@example.com", "consent": ["email"]}},
    "timestamp": "2026-01-21T00:21:34.208Z",
}
SOURCES: dict[str, Any] = {
    "job_id": "1zAj94bEy8komdqnYtSoDp0VmGs/Syncher",
    "task_id": "mail_people",
    "version": "v1.2.1",
    "job_run_id": "c5tar6cqgmgmcjvupdhg",
    "task_run_id": "c5tar6cqgmgmcjvupdi0",
}


def mapped(**changes: Any) -> dict[str, Any]:  # noqa: ANN401 - any JSON
    """Return an event of the visual mapper, with other members."""
    context = {
        "mappedToDestination": "true",
        "externalId": [
            {"id": "ada@example.com", "type": "KLAVIYO-p", "identifierType": "email"}
        ],
        "sources": SOURCES,
        **changes.pop("context", {}),
    }
    return {
        "type": "identify",
        "channel": "sources",
        "userId": "made-up-1",
        "recordId": "1",
        "rudderId": "2",
        "messageId": "m-2",
        "traits": {"first_name": "Ada", "score": 7},
        "timestamp": "2026-01-21T00:21:34.208Z",
        "context": context,
        **changes,
    }


def row(**changes: Any) -> dict[str, Any]:  # noqa: ANN401 - any JSON
    """Return a row of the visual mapper, version 2, with other members."""
    return {
        "type": "record",
        "action": "insert",
        "channel": "sources",
        "fields": {"plan": "pro", "vip": None},
        "identifiers": {"email": "ada@example.com"},
        "recordId": "1",
        "rudderId": "1",
        "messageId": "m-3",
        "timestamp": "2026-01-21T00:21:34.208Z",
        "context": {"sources": SOURCES},
        **changes,
    }


def _external_ids(*entries: Any) -> dict[str, Any]:  # noqa: ANN401 - any JSON
    return mapped(context={"externalId": list(entries)})


GOOD = (
    Good(
        id="traits-of-the-context",
        value=IDENTIFY,
        events=({"type": "identify", "userId": "user@1", "traits": TRAITS},),
    ),
    Good(
        id="traits-of-both-places",
        value={**IDENTIFY, "traits": {"title": "Baker"}},
        events=({"traits": {**TRAITS, "title": "Baker"}},),
    ),
    Good(
        id="type-in-capitals",
        value={**IDENTIFY, "type": "Identify"},
        events=({"type": "identify"},),
    ),
    Good(id="plain-key", key=b"u-1", value=TRACK, events=({"event": "TestEvent001"},)),
    Good(
        id="binary-key",
        key=b"\xff\x00",
        value=TRACK,
        events=({"event": "TestEvent001"},),
    ),
    Good(id="track", value=TRACK, events=({"event": "TestEvent001"},)),
    Good(
        id="screen",
        value={**TRACK, "type": "screen", "event": "Viewed Screen"},
        events=({"type": "screen"},),
    ),
    Good(id="group", value=GROUP, events=({"type": "group", "groupId": "L1"},)),
    Good(
        id="profile-id",
        value={
            **IDENTIFY,
            "context": {
                "externalId": [{"type": "klaviyo-profileId", "id": "12345678"}],
                "traits": TRAITS,
            },
        },
        events=({"userId": "user@1"},),
    ),
    Good(
        id="mapped-email",
        value=mapped(),
        events=(
            {
                "userId": None,
                "traits": {
                    "first_name": "Ada",
                    "score": 7,
                    "email": "ada@example.com",
                },
            },
        ),
    ),
    Good(
        id="mapped-user-id",
        value=_external_ids({"id": 7, "identifierType": "user_id"}),
        events=({"userId": 7, "anonymousId": None},),
    ),
    Good(
        id="mapped-track",
        value=mapped(type="track", event="Bought", properties={"sku": "a"}),
        events=(
            {"event": "Bought", "context": {"traits": {"email": "ada@example.com"}}},
        ),
    ),
    Good(
        id="mapped-second-entry",
        value=_external_ids(
            {"type": "other", "id": "x"},
            {"id": "+12025550123", "identifierType": "phone"},
        )
        | {"traits": {"email": "a@example.com"}},
        events=({"traits": {"email": "a@example.com", "phone": "+12025550123"}},),
    ),
    Good(
        id="inserted-row",
        value=row(),
        events=(
            {
                "type": "track",
                "event": "new",
                "__segment_id": "ada@example.com",
                "properties": {
                    "email": "ada@example.com",
                    "plan": "pro",
                    "vip": None,
                },
                "context": {"traits": {"email": "ada@example.com"}},
                "timestamp": "2026-01-21T00:21:34.208Z",
            },
        ),
    ),
    Good(
        id="updated-row",
        value=row(action="update", identifiers={"user_id": 7}),
        events=({"event": "updated", "__segment_id": "7", "userId": "7"},),
    ),
    Good(
        id="deleted-row",
        value=row(action="delete", fields={}),
        events=({"event": "deleted", "__segment_id": "ada@example.com"},),
    ),
    Good(
        id="row-with-two-identifiers",
        value=row(identifiers={"shop": 2, "id": 7}),
        events=({"__segment_id": '["7","2"]'},),
    ),
    Good(
        id="row-by-record-id",
        value=row(identifiers={}, recordId=41),
        events=({"__segment_id": "41"},),
    ),
    Good(
        id="row-with-the-users-key",
        value=row(fields={"pk": 9}),
        options={"key": "pk", "model": "people"},
        events=({"__segment_id": "9", "context": {"row": {"model": "people"}}},),
    ),
)

BAD = (
    *NOT_JSON,
    Bad(id="null", value=None, code="no-value"),
    Bad(id="number", value=7, code="not-an-object"),
    Bad(id="list", value=[IDENTIFY], code="not-an-object"),
    Bad(id="empty", value={}, code="no-type"),
    Bad(
        id="alien-type", value={**IDENTIFY, "type": "audiencelist"}, code="unknown-type"
    ),
    Bad(id="type-number", value={**IDENTIFY, "type": 7}, code="bad-type"),
    Bad(id="context-text", value={**IDENTIFY, "context": "c"}, code="bad-context"),
    Bad(
        id="context-traits-text",
        value={**IDENTIFY, "context": {"traits": "t"}},
        code="bad-context",
    ),
    Bad(id="traits-list", value={**IDENTIFY, "traits": [1]}, code="bad-traits"),
    Bad(
        id="properties-text", value={**TRACK, "properties": "p"}, code="bad-properties"
    ),
    Bad(id="event-number", value={**TRACK, "event": 7}, code="bad-event-name"),
    Bad(id="no-event", value={**TRACK, "event": None}, code="no-event-name"),
    Bad(id="user-object", value={**TRACK, "userId": {}}, code="bad-user-id"),
    Bad(
        id="nobody",
        value={"type": "identify", "context": {"traits": {"title": "t"}}},
        code="no-user",
    ),
    Bad(
        id="bad-time",
        value={**TRACK, "originalTimestamp": "yesterday"},
        code="bad-time",
    ),
    Bad(
        id="old-time",
        value={**TRACK, "timestamp": "1970-01-01T00:00:00Z"},
        code="time-out-of-range",
    ),
    Bad(id="mapped-without-id", value=_external_ids(), code="bad-external-id"),
    Bad(
        id="mapped-id-text",
        value=mapped(context={"externalId": "ada@example.com"}),
        code="bad-external-id",
    ),
    Bad(
        id="mapped-entry-text",
        value=_external_ids("ada@example.com"),
        code="bad-external-id",
    ),
    Bad(
        id="mapped-without-type",
        value=_external_ids({"id": "ada@example.com"}),
        code="bad-external-id",
    ),
    Bad(
        id="mapped-null-id",
        value=_external_ids({"id": None, "identifierType": "email"}),
        code="bad-external-id",
    ),
    Bad(
        id="mapped-boolean-id",
        value=_external_ids({"id": True, "identifierType": "email"}),
        code="bad-external-id",
    ),
    Bad(
        id="mapped-type-number",
        value=_external_ids({"id": "x", "identifierType": 7}),
        code="bad-external-id",
    ),
    Bad(id="row-without-action", value=row(action=None), code="bad-action"),
    Bad(id="row-action", value=row(action="merge"), code="bad-action"),
    Bad(id="row-action-list", value=row(action=["insert"]), code="bad-action"),
    Bad(id="row-fields", value=row(fields="f"), code="bad-fields"),
    Bad(id="row-identifiers", value=row(identifiers=[1]), code="bad-identifiers"),
    Bad(
        id="row-null-identifier",
        value=row(identifiers={"email": None}),
        code="no-row-key",
    ),
    Bad(
        id="row-object-identifier",
        value=row(identifiers={"email": {}}),
        code="bad-row-key",
    ),
    Bad(
        id="row-without-ids",
        value=row(identifiers={}, recordId=None),
        code="no-row-key",
    ),
    Bad(id="row-time", value=row(timestamp="soon"), code="bad-time"),
    Bad(
        id="row-without-the-users-key",
        value=row(),
        options={"key": "pk"},
        code="no-row-key",
    ),
)
