"""A local Klaviyo for tests and for trying things without an account.

In a test::

    async with Sandbox(SandboxConfig(quota_scale=None)) as klaviyo:
        client = ...  # point the client at klaviyo.url
        klaviyo.add_fault(Fault(kind=FaultKind.THROTTLED, path="/api/lists", count=2))
        assert klaviyo.account.lists.by_id["L00001"].members

By hand: `klaviyo-streams sandbox`, then `curl localhost:8900/sandbox/state`.

Pages for inspecting and controlling the sandbox over HTTP:

    GET    /sandbox/state              counts of everything
    GET    /sandbox/lists[?name=N]     lists with their members
    GET    /sandbox/profiles           profiles with the ids of their lists
    GET    /sandbox/events             events with their metric
    GET    /sandbox/consent            consent and suppression of each profile
    GET    /sandbox/requests           log of requests, and counters
    GET    /sandbox/changes            list adds and removals requested, and effective
    GET    /sandbox/faults             active faults
    POST   /sandbox/faults             {"kind", "method", "path", "count", ...}: all
                                       members: `streams.sandbox.account.faults`
    DELETE /sandbox/faults[/{id}]      end one fault, or all
    GET    /sandbox/switches           switches, with values and help
    POST   /sandbox/switches           {"taken_phone": "keep", ...}: set switches
    POST   /sandbox/reset              delete everything, set the configured switches
    POST   /sandbox/profiles           [attributes, ...]: create or update at once
    POST   /sandbox/lists              [{"name", "members": [attributes, ...]}, ...]
    DELETE /sandbox/lists/{id}         delete a list
    POST   /sandbox/consent            [{"profile_id", "email": "SUBSCRIBED"}, ...]
    POST   /sandbox/confirm            {"profile_id"}: click its confirmation mails
    POST   /sandbox/metrics            [name, ...]
    POST   /sandbox/flows              [{"name", "list_id" or "metric_id"}, ...]

If the environment variable `SANDBOX_JOURNAL` names a directory, every request is
written there with its body: `streams.sandbox.control.journal`.

Which profile a request means, and which profiles become one, follows the rules in
`streams/sandbox/IDENTITY.md`. Where Klaviyo's behaviour is not established, a switch
decides (`streams.sandbox.switches`).

Elsewhere, where Klaviyo's documentation is silent, the sandbox decides:

- An unknown profile id in a relationship call fails the whole call: 404, one error
  per id, pointer `/data/<i>/id`. Removing a profile that is not a member is a 204.
- An unknown list is a 404, in the path or in an import.
- The quota windows are fixed and begin at whole multiples of their length. A 429 is
  not counted. `Retry-After` is rounded up.
- Time passes only when someone looks: an import whose end is due is applied, with
  its own end time, before the next request is answered.
- Unsubscribing from SMS, push and WhatsApp is global, with or without a list.
- Suppressing or unsubscribing an unknown person creates the profile.

The sandbox shares no code with the client that is tested against it, and imports no
other package of `streams`.

Packages, from the top: `server` (HTTP), `routes` (one handler per API operation),
`control` (the pages under `/sandbox/`), `account` (all data and its rules) and
`jsonapi` (bodies, filters, pages and errors in Klaviyo's format).
"""

from streams.sandbox.account.account import Account
from streams.sandbox.account.faults import Fault, FaultKind
from streams.sandbox.config import (
    ALL_SCOPES,
    DuplicateScope,
    SandboxConfig,
    UnknownMetricHandling,
)
from streams.sandbox.server.server import Sandbox
from streams.sandbox.switches import Switches

__all__ = [
    "ALL_SCOPES",
    "Account",
    "DuplicateScope",
    "Fault",
    "FaultKind",
    "Sandbox",
    "SandboxConfig",
    "Switches",
    "UnknownMetricHandling",
]
