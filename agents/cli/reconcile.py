"""`klaviyo-streams reconcile`: does Klaviyo have on its lists who the table has?"""

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import click
import orjson

from agents.admin.outcome_reader import OutcomeCode
from agents.admin.reconcile import Reconciler, new_repair_id
from agents.cli.support.settings_options import read_worker, settings_option
from agents.shared import logging
from streams.delivery.verdict import Verdict
from streams.reconcile.comparison import ListReport
from streams.reconcile.desired_memberships import DesiredMembership

EXAMPLES = 5
"""User keys shown of each kind."""

Line = dict[str, object]


@click.command()
@settings_option
@click.option("--audience", "audiences", multiple=True, help="Only this; repeatable.")
@click.option("--apply", "is_real", is_flag=True, help="Repair what differs.")
@click.option(
    "--resync",
    is_flag=True,
    help="Tell everyone inside again, there or not; with --audience and --apply.",
)
@click.option(
    "--no-wait", is_flag=True, help="Don't wait until the repairs have ended."
)
@click.option("--json", "as_json", is_flag=True, help="JSON lines, one a difference.")
@click.pass_context
def reconcile(  # noqa: PLR0913  # one argument an option
    ctx: click.Context,
    *,
    file: Path | None,
    audiences: tuple[str, ...],
    is_real: bool,
    resync: bool,
    no_wait: bool,
    as_json: bool,
) -> None:
    """Compare the memberships table with the lists in Klaviyo, and repair them.

    Counts who is missing (inside, but not on the list), who is unexpected (outside, but
    on it) and the others: members the table has never heard of, whom somebody else put
    there. Those are never touched.

    Without --apply nothing is changed; it exits with 0 where all is equal and with 1
    where something differs. With --apply each difference goes through the workers, in
    order with what happens meanwhile: whoever moves in between stays as they moved. It
    then exits with 0, or with 1 where a repair became a dead letter.

    A list that is gone in Klaviyo counts everyone inside as missing; --apply makes it
    again, unless an event or the settings name it. An audience that has no list yet is
    only named, and the exit code is 1 where somebody is inside; with --audience,
    --apply has its list found or made.

    Someone whose source record Kafka no longer keeps is added by their user key where
    it is an e-mail address, or the user id of a profile that Klaviyo has. The rest
    can't be named: they are counted apart, and not touched. The API key needs
    lists:read and profiles:read.

    \b
    Examples:
      klaviyo-streams reconcile
      klaviyo-streams reconcile --audience big_spenders --json
      klaviyo-streams reconcile --audience big_spenders --apply --no-wait
      klaviyo-streams reconcile --audience big_spenders --apply --resync --no-wait
    """  # noqa: D301 - click reads the backspace
    if resync and not (audiences and is_real):
        raise click.UsageError("--resync needs --audience and --apply")
    logging.configure_logging("warning")
    settings, destination = read_worker(file)
    work = Reconciler(settings, destination, report=_say)
    found = work.compare(audiences, resync=resync)
    for each in found:
        _print(report_lines(each, as_json=as_json))
    total = sum(each.differences.repair_count for each in found)
    code = 0 if all(each.is_in_sync for each in found if not each.is_compared) else 1
    if not (total and is_real):
        ctx.exit(1 if total else code)
    replay = new_repair_id()
    click.echo(_sending(replay, total, as_json=as_json))
    ended = work.repair(found, replay=replay, wait=not no_wait)
    _print(outcome_lines(ended, as_json=as_json))
    if any(verdict == Verdict.DEAD_LETTER for verdict, _ in ended):
        code = 1
    ctx.exit(code)


def report_lines(found: ListReport, *, as_json: bool) -> Iterator[str]:
    """Say what one list came to.

    Args:
        found: What it came to.
        as_json: Every difference, as JSON lines; else counts and a few users.
    """
    if not as_json:
        return _text(found)
    return (orjson.dumps(line).decode() for line in _json(found))


def _print(lines: Iterator[str]) -> None:
    for line in lines:
        click.echo(line)


def _say(line: str) -> None:
    click.echo(line, err=True)


def _counted(found: ListReport) -> Iterator[Line]:
    """Give the counts of each audience of a list; the others are the list's."""
    missing = Counter(one.desired.audience for one in found.differences.missing)
    unexpected = Counter(one.desired.audience for one in found.differences.unexpected)
    unnamed = Counter(one.desired.audience for one in found.differences.unidentified)
    inside = Counter(one.audience for one in found.desired.values() if one.inside)
    for audience in sorted({one.audience for one in found.desired.values()}):
        line: Line = {
            "audience": audience,
            "list_id": found.list_id,
            "inside": inside[audience],
        }
        compared: Line = {
            "gone": found.is_list_gone,
            "members": found.member_count,
            "missing": missing[audience],
            "unexpected": unexpected[audience],
            "unnamed": unnamed[audience],
            "others": len(found.differences.unmanaged),
        }
        yield line | compared if found.is_compared else line


def _json(found: ListReport) -> Iterator[Line]:
    yield from _counted(found)
    at = {"list_id": found.list_id}
    for kind, words in _kinds(found):
        for word in words:
            yield {"kind": kind, "user": word.user, "audience": word.audience, **at}
    for member in found.differences.unmanaged:
        yield {"kind": "others", "profile_id": member.profile_id, **at}


def _text(found: ListReport) -> Iterator[str]:
    kinds = dict(_kinds(found))
    for line in _counted(found):
        audience = line["audience"]
        yield f"{audience}: {line['inside']} inside; {_where(found)}"
        if not found.is_compared:
            continue
        for kind, words in kinds.items():
            users = [word.user for word in words if word.audience == audience]
            if kind != "unnamed":
                yield f"  {kind:<10} {line[kind]:>9}  {_some(users)}".rstrip()
            elif users:
                yield f"  {len(users)} can't be named, not touched: {_some(users)}"
        yield f"  {'others':<10} {line['others']:>9}"


def _where(found: ListReport) -> str:
    if not found.list_id:
        return "no list yet"
    state = "gone in Klaviyo" if found.is_list_gone else f"{found.member_count} on it"
    return f"list {found.list_id}: {state}"


def _some(users: Sequence[str]) -> str:
    more = ", …" if len(users) > EXAMPLES else ""
    return f"{', '.join(users[:EXAMPLES])}{more}"


def _kinds(found: ListReport) -> Iterator[tuple[str, list[DesiredMembership]]]:
    yield "missing", [one.desired for one in found.differences.missing]
    yield "unexpected", [one.desired for one in found.differences.unexpected]
    yield "unnamed", [one.desired for one in found.differences.unidentified]


def _sending(replay: str, total: int, *, as_json: bool) -> str:
    if as_json:
        return orjson.dumps({"replay": replay, "sent": total}).decode()
    return f"replay {replay}: {total} to repair"


def outcome_lines(ended: Counter[OutcomeCode], *, as_json: bool) -> Iterator[str]:
    """Say how the repairs ended, a line each way."""
    for (verdict, reason), count in sorted(ended.items()):
        if as_json:
            line = {"ended": verdict, "reason": reason, "count": count}
            yield orjson.dumps(line).decode()
        else:
            yield f"  {verdict:<12} {count:>7} {reason}".rstrip()
