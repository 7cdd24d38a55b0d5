"""A local Klaviyo, good enough to be believed.

In a test::

    async with Sandbox(SandboxConfig(quota_scale=None)) as klaviyo:
        client = ...  # point it at klaviyo.url
        klaviyo.fail(Fault(kind=FaultKind.THROTTLED, path="/api/lists", count=2))
        assert klaviyo.state.lists.by_id["L00001"].members

By hand: `klaviyo-streams sandbox`, then `curl localhost:8900/sandbox/state`.

What it holds and how it is steered, over HTTP:

    GET    /sandbox/state              counts of everything
    GET    /sandbox/lists[?name=N]     lists with their members
    GET    /sandbox/profiles           profiles with the ids of their lists
    GET    /sandbox/events             events with their metric
    GET    /sandbox/consent            consent and suppression of each profile
    GET    /sandbox/requests           log of requests, and counters
    GET    /sandbox/changes            list adds and removals asked for, and effective
    GET    /sandbox/faults             faults in force
    POST   /sandbox/faults             {"kind", "method", "path", "count", ...}: all
                                       members and kinds in `streams.sandbox.account.faults`
    DELETE /sandbox/faults[/{id}]      end one, or all
    POST   /sandbox/reset              forget everything
    POST   /sandbox/profiles           [attributes, ...]: create or update at once
    POST   /sandbox/lists              [{"name", "members": [attributes, ...]}, ...]
    DELETE /sandbox/lists/{id}         delete a list
    POST   /sandbox/consent            [{"profile_id", "email": "SUBSCRIBED"}, ...]
    POST   /sandbox/confirm            {"profile_id"}: click its confirmation mails
    POST   /sandbox/metrics            [name, ...]
    POST   /sandbox/flows              [{"name", "list_id" or "metric_id"}, ...]

Every request with its body goes into files of the directory that the environment names
in `SANDBOX_JOURNAL`, if it names one: `streams.sandbox.control.journal`.

What it decides where Klaviyo's papers are silent:

- An unknown profile id in a relationship call refuses the whole call: 404, one error
  an id, pointer `/data/<i>/id`. Removing a profile that is no member is a 204.
- An unknown list is a 404, in the path or in an import.
- The quota windows are fixed and begin at whole multiples of their length. A 429 is
  not counted. `Retry-After` is rounded up.
- Time passes only when someone looks: an import whose end has come is applied, with
  its own end time, before the next request is answered.
- An event whose identifiers belong to two profiles goes to the owner of the strongest:
  id, email, phone number, external id, anonymous id.
- Unsubscribing from SMS, push and WhatsApp is global, with a list or without.
- Suppressing or unsubscribing someone unknown creates the profile.

It shares no code with the client it judges, and imports nothing else of `streams`.
"""

from streams.sandbox.account.account import Account
from streams.sandbox.account.faults import Fault, FaultKind
from streams.sandbox.config import (
    ALL_SCOPES,
    DuplicateScope,
    SandboxConfig,
    UnknownMetricHandling,
)
from streams.sandbox.server import Sandbox

__all__ = [
    "ALL_SCOPES",
    "Account",
    "DuplicateScope",
    "Fault",
    "FaultKind",
    "Sandbox",
    "SandboxConfig",
    "UnknownMetricHandling",
]
