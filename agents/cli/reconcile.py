"""Command `klaviyo-streams reconcile`: compare memberships with lists in Klaviyo."""

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import click
import orjson

from agents.admin.kafka_contact import contact_kafka
from agents.admin.outcome_reader import OutcomeCode
from agents.admin.reconcile import Reconciler, new_repair_id
from agents.cli.support.settings_options import read_worker, settings_option
from agents.cli.support.tester_options import name_klaviyo
from agents.shared import logging
from agents.shared.context import kafka_access
from streams.delivery.verdict import Verdict
from streams.reconcile.comparison import ListReport
from streams.reconcile.desired_memberships import DesiredMembership

EXAMPLES = 5
"""Number of user keys printed for each kind of difference."""

DifferenceLine = dict[str, object]
"""Counts for one audience, or one difference."""


@click.command()
@settings_option
@click.option(
    "--audience", "audiences", multiple=True, help="Only this audience; repeatable."
)
@click.option("--apply", is_flag=True, help="Repair the differences.")
@click.option(
    "--resync",
    is_flag=True,
    help="Send all members again, whether missing or not; with --audience and --apply.",
)
@click.option("--no-wait", is_flag=True, help="Exit once all repairs are published.")
@click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON line per difference."
)
@click.pass_context
def reconcile(  # noqa: PLR0913  # one argument an option
    ctx: click.Context,
    *,
    settings_path: Path | None,
    audiences: tuple[str, ...],
    apply: bool,
    resync: bool,
    no_wait: bool,
    as_json: bool,
) -> None:
    """Compare the memberships table with the lists in Klaviyo, and repair the lists.

    Counts the users who are missing (in the audience, but not on the list), the users
    who are unexpected (on the list, but not in the audience), and the others: list
    members unknown to the table, added by somebody else. The others are never changed.

    Without --apply nothing is changed; the exit code is 0 if everything is equal, and
    1 if there are differences. With --apply the workers repair each difference, in
    order with live events: a user who enters or leaves in the meantime keeps the newer
    state. The exit code is then 0, or 1 if a repair became a dead letter.

    If a list was deleted in Klaviyo, all members of its audience count as missing;
    --apply creates the list again, unless an event or the settings name it. If an
    audience has no list yet, it is only reported, with exit code 1 if it has members;
    with --audience, --apply has its list found or created.

    A user whose source record Kafka has deleted is added by user key if that is an
    e-mail address, or the user ID of a profile in Klaviyo. Users without either cannot
    be identified: they are counted separately and not changed. The API key needs the
    scopes lists:read and profiles:read.

    \b
    Examples:
      klaviyo-streams reconcile
      klaviyo-streams reconcile --audience big_spenders --json
      klaviyo-streams reconcile --audience big_spenders --apply --no-wait
      klaviyo-streams reconcile --audience big_spenders --apply --resync --no-wait
    """  # noqa: D301 - click reads the backspace
    if resync and not (audiences and apply):
        raise click.UsageError("--resync requires --audience and --apply")
    logging.configure_logging("error")
    settings, destination = read_worker(settings_path)
    reconciler = Reconciler(settings, destination, report=_echo_error)
    contact_kafka(kafka_access(settings))
    with name_klaviyo(settings.klaviyo_url):
        reports = reconciler.compare(audiences, resync=resync)
    for report in reports:
        _print(report_lines(report, as_json=as_json))
    total = sum(report.differences.repair_count for report in reports)
    uncompared = [report for report in reports if not report.is_compared]
    code = 0 if all(report.is_in_sync for report in uncompared) else 1
    if not (total and apply):
        ctx.exit(1 if total else code)
    replay = new_repair_id()
    click.echo(_repair_line(replay, total, as_json=as_json))
    outcomes = reconciler.repair(reports, replay=replay, wait=not no_wait)
    _print(outcome_lines(outcomes, as_json=as_json))
    if any(verdict == Verdict.DEAD_LETTER for verdict, _ in outcomes):
        code = 1
    ctx.exit(code)


def report_lines(report: ListReport, *, as_json: bool) -> Iterator[str]:
    """Describe the differences of a list.

    Args:
        report: The comparison of the list.
        as_json: Yield each difference as JSON; else counts and a few users.
    """
    if not as_json:
        return _text_lines(report)
    return (orjson.dumps(line).decode() for line in _json_lines(report))


def _print(lines: Iterator[str]) -> None:
    for line in lines:
        click.echo(line)


def _echo_error(line: str) -> None:
    click.echo(line, err=True)


def _counts_by_audience(report: ListReport) -> Iterator[DifferenceLine]:
    """Yield the counts of each audience of a list; the others belong to the list."""
    counts = {
        kind: Counter(membership.audience for membership in memberships)
        for kind, memberships in _differences(report)
    }
    desired = report.desired.values()
    inside = Counter(member.audience for member in desired if member.inside)
    for audience in sorted({member.audience for member in desired}):
        line: DifferenceLine = {
            "audience": audience,
            "list_id": report.list_id,
            "inside": inside[audience],
        }
        comparison: DifferenceLine = {
            "gone": report.is_list_gone,
            "members": report.member_count,
            **{kind: counter[audience] for kind, counter in counts.items()},
            "others": len(report.differences.unmanaged),
        }
        yield line | comparison if report.is_compared else line


def _json_lines(report: ListReport) -> Iterator[DifferenceLine]:
    yield from _counts_by_audience(report)
    list_field = {"list_id": report.list_id}
    for kind, memberships in _differences(report):
        for membership in memberships:
            yield {
                "kind": kind,
                "user": membership.user,
                "audience": membership.audience,
                **list_field,
            }
    for member in report.differences.unmanaged:
        yield {"kind": "others", "profile_id": member.profile_id, **list_field}


def _text_lines(report: ListReport) -> Iterator[str]:
    for line in _counts_by_audience(report):
        audience = line["audience"]
        yield f"{audience}: {line['inside']} inside; {_list_status(report)}"
        if not report.is_compared:
            continue
        for kind, memberships in _differences(report):
            users = [item.user for item in memberships if item.audience == audience]
            if kind != "unnamed":
                yield f"  {kind:<10} {line[kind]:>9}  {_sample(users)}".rstrip()
            elif users:
                yield f"  {len(users)} cannot be identified: {_sample(users)}"
        yield f"  {'others':<10} {line['others']:>9}"


def _list_status(report: ListReport) -> str:
    if not report.list_id:
        return "no list yet"
    status = "deleted in Klaviyo"
    if not report.is_list_gone:
        status = f"{report.member_count} members"
    return f"list {report.list_id}: {status}"


def _sample(users: Sequence[str]) -> str:
    more = ", …" if len(users) > EXAMPLES else ""
    return f"{', '.join(users[:EXAMPLES])}{more}"


def _differences(report: ListReport) -> Iterator[tuple[str, list[DesiredMembership]]]:
    differences = report.differences
    yield "missing", [item.desired for item in differences.missing]
    yield "unexpected", [item.desired for item in differences.unexpected]
    yield "unnamed", [item.desired for item in differences.unidentified]


def _repair_line(replay: str, total: int, *, as_json: bool) -> str:
    if as_json:
        return orjson.dumps({"replay": replay, "sent": total}).decode()
    return f"replay {replay}: {total} to repair"


def outcome_lines(outcomes: Counter[OutcomeCode], *, as_json: bool) -> Iterator[str]:
    """Describe the outcomes of the repairs, a line per verdict and reason."""
    for (verdict, reason), count in sorted(outcomes.items()):
        if as_json:
            line = {"ended": verdict, "reason": reason, "count": count}
            yield orjson.dumps(line).decode()
        else:
            yield f"  {verdict:<12} {count:>7} {reason}".rstrip()
