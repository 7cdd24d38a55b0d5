"""Klaviyo's SDK judges every request that any test sends.

Every sandbox writes each request into its journal, in this process and in any other;
fakes write theirs with `saw`. After each test the plugin reads what is new and asks the
SDK's models. A test that is wrong on purpose says so, case by case: the marker
`wrong_request`.
"""

from tests.judging.judge import judge
from tests.judging.notes import JudgedClient, note_printed_requests, note_request

__all__ = ["JudgedClient", "judge", "note_printed_requests", "note_request"]
