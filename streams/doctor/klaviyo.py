"""Checks of Klaviyo: key, scopes, revision, lists, metrics, flows, quota, latency."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Final

from streams.doctor.findings import Finding, failed, passed, skipped, warned
from streams.klaviyo.api.endpoints import API_REVISION
from streams.klaviyo.api.results import (
    AttemptResult,
    NotFound,
    OperatorFault,
    Temporary,
    Throttled,
)
from streams.klaviyo.lookups.metrics import find_missing_metrics

REVISION_DAYS: Final = 730
"""Age at which Klaviyo retires a revision: two years after its release (API versioning
and deprecation policy)."""

REVISION_WARNING_DAYS: Final = 90
"""Time before the end in which the revision is worth a warning. Our choice."""

LATENCY_MAX_S: Final = 2.0
"""Latency above which throughput suffers. Our choice."""

_UNREACHABLE: Final = "klaviyo.reachable"


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """Request that a check sent, and its result.

    Attributes:
        scopes: Scopes that the endpoint needs.
        result: Result of the single attempt.
        latency_s: Time until the response.
        remaining: Requests left in the window; None without the header.
    """

    scopes: frozenset[str]
    result: AttemptResult
    latency_s: float = 0.0
    remaining: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class KlaviyoFacts:
    """Facts about Klaviyo and the key.

    Attributes:
        problem: Why no request could be sent; else empty.
        account: Request for the account; None if none was sent.
        probes: Requests for the scopes that the destination needs.
        untried: Scopes that it needs, and that no request may try.
        lists: List ID to the result of the request for the list.
        opt_ins: List ID to opt-in process.
        metrics: Names of all metrics; None if they cannot be listed.
        flows: List ID or metric name to names of live flows.
    """

    problem: str = ""
    account: Probe | None = None
    probes: Sequence[Probe] = ()
    untried: Sequence[frozenset[str]] = ()
    lists: Mapping[str, AttemptResult] = field(default_factory=dict)
    opt_ins: Mapping[str, str] = field(default_factory=dict)
    metrics: frozenset[str] | None = None
    flows: Mapping[str, Sequence[str]] = field(default_factory=dict)


def check_klaviyo(
    facts: KlaviyoFacts, *, metrics: Collection[str], today: date
) -> Iterator[Finding]:
    """Judge the facts about Klaviyo.

    Args:
        facts: Gathered facts.
        metrics: Names of the metrics in mappings.
        today: Day of the check, for the revision's age.
    """
    yield check_revision(today)
    access = [*_check_access(facts)]
    yield from access
    if facts.account is None or any(finding.fix for finding in access):
        for area in ("scopes", "lists", "metrics", "flows", "quota", "latency"):
            yield skipped(f"klaviyo.{area}", because="Klaviyo does not serve the key")
        return
    yield from _check_scopes(facts.probes)
    for scopes in facts.untried:
        because = "a request would delete; look at the key's scopes in Klaviyo"
        yield skipped(_scope_check(scopes), because=because)
    yield from _check_lists(facts)
    yield from _check_metrics(facts.metrics, metrics)
    yield from _check_flows(facts, metrics)
    yield from _check_responses([facts.account, *facts.probes])


def check_revision(today: date) -> Finding:
    """Judge the age of the API revision."""
    days_left = REVISION_DAYS - (today - date.fromisoformat(API_REVISION)).days
    detail = f"revision {API_REVISION} ends in {days_left} days"
    fix = "upgrade klaviyo-streams to a release with a newer revision"
    if days_left <= 0:
        return failed(
            "klaviyo.revision", f"revision {API_REVISION} is retired", fix=fix
        )
    if days_left <= REVISION_WARNING_DAYS:
        return warned("klaviyo.revision", detail, fix=fix)
    return passed("klaviyo.revision", detail)


def _check_access(facts: KlaviyoFacts) -> Iterator[Finding]:
    if facts.account is None:
        problem, _, fix = facts.problem.partition("; ")
        yield failed("klaviyo.key", problem, fix=fix or "correct this setting")
        return
    match facts.account.result:
        case Temporary(is_blocked=True):
            fix = "have Klaviyo allow this IP address, or set klaviyo_proxy"
            yield failed(_UNREACHABLE, "a challenge page: the IP is blocked", fix=fix)
        case Temporary(reason=reason):
            fix = "check klaviyo_url, klaviyo_proxy and this machine's network"
            yield failed(_UNREACHABLE, f"no answer: {reason}", fix=fix)
        case OperatorFault(status=403):
            yield passed(_UNREACHABLE, "Klaviyo answers")
            yield passed("klaviyo.key", "valid, without the scope accounts:read")
        case OperatorFault(status=401):
            fix = "set KLAVIYO_API_KEY to a valid private key"
            yield failed("klaviyo.key", "Klaviyo refuses the key", fix=fix)
        case OperatorFault(reason=reason):
            fix = "upgrade klaviyo-streams, and check klaviyo_url"
            yield failed("klaviyo.revision", f"refused: {reason}", fix=fix)
        case _:
            yield passed(_UNREACHABLE, "Klaviyo answers")
            yield passed("klaviyo.key", "valid")


def _check_scopes(probes: Sequence[Probe]) -> Iterator[Finding]:
    for probe in probes:
        names = ", ".join(sorted(probe.scopes))
        check = _scope_check(probe.scopes)
        match probe.result:
            case Temporary(is_blocked=True):
                fix = "have Klaviyo allow this IP address, or set klaviyo_proxy"
                yield failed(check, "a challenge page: the IP is blocked", fix=fix)
            case OperatorFault(status=403):
                fix = f"create a key with {names}"
                yield failed(check, "the key lacks a scope", fix=fix)
            case Temporary() | Throttled() | OperatorFault():
                yield warned(check, "Klaviyo did not decide", fix="run doctor again")
            case _:
                yield passed(check, "Klaviyo does not refuse the key")


def _scope_check(scopes: frozenset[str]) -> str:
    return f"klaviyo.scopes.{'+'.join(sorted(scopes))}"


def _check_lists(facts: KlaviyoFacts) -> Iterator[Finding]:
    for list_id, result in facts.lists.items():
        check = f"klaviyo.lists.{list_id}"
        if isinstance(result, NotFound):
            fix = "correct the list ID in the destination file or in audience_lists"
            yield failed(check, "does not exist", fix=fix)
        elif list_id in facts.opt_ins:
            yield passed(check, f"opt-in: {facts.opt_ins[list_id]}")
        else:
            yield skipped(check, because="the key may not read lists")


def _check_metrics(
    existing: Collection[str] | None, names: Collection[str]
) -> Iterator[Finding]:
    if existing is None:
        yield skipped("klaviyo.metrics", because="the key may not read metrics")
        return
    missing = dict(find_missing_metrics(names, existing))
    for name in names:
        check = f"klaviyo.metrics.{name}"
        if name not in missing:
            yield passed(check, "exists")
            continue
        nearest = missing[name]
        hint = f"; did you mean {nearest!r}?" if nearest else ""
        fix = "spell the name as in Klaviyo, or create the metric there"
        yield warned(check, f"does not exist{hint}", fix=fix)


def _check_flows(facts: KlaviyoFacts, metrics: Collection[str]) -> Iterator[Finding]:
    for subject in (*facts.lists, *metrics):
        check = f"klaviyo.flows.{subject}"
        if subject in facts.flows:
            flows = ", ".join(facts.flows[subject]) or "no live flow"
            yield passed(check, f"fires {flows}")
        else:
            because = "it does not exist, or its flows cannot be read (flows:read)"
            yield skipped(check, because=because)


def _check_responses(probes: Sequence[Probe]) -> Iterator[Finding]:
    lefts = [probe.remaining for probe in probes if probe.remaining is not None]
    throttled = any(isinstance(probe.result, Throttled) for probe in probes)
    if throttled or 0 in lefts:
        fix = "wait, or find the other program that uses this account's quota"
        yield warned("klaviyo.quota", "a quota is exhausted", fix=fix)
    elif lefts:
        yield passed("klaviyo.quota", f"at least {min(lefts)} requests left")
    else:
        yield skipped("klaviyo.quota", because="the responses name no quota")
    slowest_s = max(probe.latency_s for probe in probes)
    detail = f"slowest response: {slowest_s:.2f} s"
    if slowest_s > LATENCY_MAX_S:
        fix = "check the network and proxy, and Klaviyo's status page"
        yield warned("klaviyo.latency", detail, fix=fix)
    else:
        yield passed("klaviyo.latency", detail)
