"""What a process of ours writes: lines of JSON, few of each kind from libraries."""

import json
import logging
import subprocess
import sys
from collections.abc import Iterator
from itertools import repeat
from textwrap import dedent
from typing import Any

from agents.logs import FEW, WINDOW_S, FewOfEach


def _line(text: str, *values: object) -> logging.LogRecord:
    return logging.LogRecord("aiokafka", logging.ERROR, "", 0, text, values, None)


def _unprinted(record: logging.LogRecord) -> int:
    return int(getattr(record, "unprinted", 0))


def test_a_library_that_repeats_itself_is_heard_a_few_times() -> None:
    """However its values differ; another kind of line is let through beside it."""
    few = FewOfEach(clock=lambda: 0.0)

    heard = [few.filter(_line("no answer of %s", node)) for node in range(100)]

    assert heard == [True] * FEW + [False] * (100 - FEW)
    assert few.filter(_line("a leader is gone"))


def test_what_was_kept_back_is_counted_in_the_next_window() -> None:
    """Once, and it is let through again."""
    times = iter([0.0, *repeat(1.0, FEW + 3), *repeat(1.0 + WINDOW_S, 2)])
    few = FewOfEach(clock=lambda: next(times))
    for _ in range(FEW + 3):
        few.filter(_line("no answer"))

    later = [_line("no answer"), _line("no answer")]

    assert [few.filter(line) for line in later] == [True, True]
    assert [_unprinted(line) for line in later] == [3, 0]


def test_no_kind_is_remembered_for_ever() -> None:
    """A library may put its values into the text itself."""
    seconds = iter(range(100_000))
    few = FewOfEach(clock=lambda: float(next(seconds)))

    for number in range(1_000):
        assert few.filter(_line(f"no answer to {number}"))

    assert len(few._seen) + len(few._kept) <= WINDOW_S + 1  # noqa: SLF001 - memory


WRITES = dedent("""
    import logging
    import structlog
    from agents import logs

    logs.configure("info")
    structlog.get_logger().info("lane_closing", stage="deliver.events")
    for node in range(100):
        logging.getLogger("aiokafka.conn").error("no answer of %s: %s", node, "refused")
    try:
        1 / 0
    except ZeroDivisionError:
        logging.getLogger("faust.agents").exception("Crashed reason=%r", "it")
        logging.getLogger("aiokafka.consumer").exception("Unexpected error")
    logging.getLogger("aiokafka.consumer").info("said at leisure")
""")


def _written() -> Iterator[dict[str, Any]]:
    ran = subprocess.run(  # noqa: S603 - our own program, no shell
        [sys.executable, "-c", WRITES], capture_output=True, check=True, text=True
    )
    assert ran.stdout == ""
    yield from map(json.loads, ran.stderr.splitlines())


def test_lines_of_libraries_are_json_on_standard_error_like_ours() -> None:
    """A traceback is one line, in a field."""
    ours, *refused, crash, _ = _written()

    assert (ours["event"], ours["stage"]) == ("lane_closing", "deliver.events")
    assert [line["event"] for line in refused] == [
        f"no answer of {node}: refused" for node in range(FEW)
    ]
    assert {line["logger"] for line in refused} == {"aiokafka.conn"}
    assert (crash["event"], crash["level"]) == ("Crashed reason='it'", "error")
    assert crash["exception"].endswith("ZeroDivisionError: division by zero")


def test_a_traceback_of_the_kafka_client_is_a_word() -> None:
    """A broker that restarts is no reason for pages: what matters it raises as well."""
    *_, told = _written()

    assert told["event"] == "Unexpected error"
    assert told["error"] == "ZeroDivisionError('division by zero')"
    assert "Traceback" not in str(told)
