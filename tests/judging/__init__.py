"""Klaviyo's SDK judges every request that any test sends.

Every sandbox writes each request to a journal, in this process and in others; fakes use
`note_request`. After each test the plugin reads the new requests and checks each
against the SDK's models. A test with an invalid request carries the marker
`wrong_request`.
"""

from tests.judging.judge import judge
from tests.judging.notes import JudgedClient, note_printed_requests, note_request

__all__ = ["JudgedClient", "judge", "note_printed_requests", "note_request"]
