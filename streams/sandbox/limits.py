"""Limits of Klaviyo's API that the sandbox enforces.

Source: Klaviyo OpenAPI, revision 2026-07-15 (descriptions of the operations), unless a
line names another source.
"""

BODY_MAX_BYTES = 5_000_000
"""`bulk_import_profiles`, `bulk_create_events`: payload of one request, 5 MB."""

PROFILE_MAX_BYTES = 100_000
"""`create_profile` and similar: one profile; also each profile of a bulk import."""

IMPORT_MAX_PROFILES = 10_000
"""`bulk_import_profiles`: profiles per request."""

RELATIONSHIP_MAX_IDS = 1_000
"""`add_profiles_to_list`, `remove_profiles_from_list`: profile ids per request."""

SUBSCRIBE_MAX_PROFILES = 1_000
"""`bulk_subscribe_profiles`: profiles per request."""

UNSUBSCRIBE_MAX_PROFILES = 100
"""`bulk_unsubscribe_profiles`, suppress and unsuppress: profiles per request."""

BULK_EVENTS_MAX = 1_000
"""`bulk_create_events`: events per request."""

EVENT_MAX_PROPERTIES = 400
"""`create_event`, member `properties`."""

EVENT_STRING_MAX_BYTES = 100_000
"""`create_event`: one string, 100 KB."""

EVENT_ARRAY_MAX_ITEMS = 4_000
"""Klaviyo's events overview, Limitations."""

EVENT_MAX_DEPTH = 10
"""Klaviyo's events overview, Limitations."""

METRIC_NAME_MAX_CHARS = 127
"""Klaviyo's events overview: fewer than 128 characters."""

EVENT_MIN_TIME_S = 631_152_000
"""1990-01-01T00:00:00Z: `create_event`, member `time`."""

EVENT_FUTURE_MAX_S = 365 * 86_400
"""`create_event`, member `time`: up to one year ahead."""

EMAIL_MAX_CHARS = 100
"""Klaviyo's error for a longer address."""

EXTERNAL_ID_MAX_CHARS = 255
"""Klaviyo's profiles overview, identifiers."""

LISTS_PER_DAY = 150
"""`create_list`: the daily quota."""

DAY_S = 86_400
"""Length of the daily window."""

BURST_WINDOW_S = 1
"""Klaviyo's rate-limit page: the burst window."""

STEADY_WINDOW_S = 60
"""Klaviyo's rate-limit page: the steady window."""
