"""Log of a process: JSON lines, and only a few of each kind from libraries."""

import json
import logging
import subprocess
import sys
from collections.abc import Iterator
from itertools import repeat
from textwrap import dedent
from typing import Any

from agents.shared.logging import MAX_LINES_PER_WINDOW, WINDOW_S, RepeatedLineFilter


def _line(text: str, *values: object) -> logging.LogRecord:
    return logging.LogRecord("aiokafka", logging.ERROR, "", 0, text, values, None)


def _suppressed(record: logging.LogRecord) -> int:
    return int(getattr(record, "suppressed", 0))


def test_repeated_library_lines_are_limited() -> None:
    """Differing values do not matter; another kind of line still passes."""
    line_filter = RepeatedLineFilter(clock=lambda: 0.0)

    passed = [line_filter.filter(_line("no answer of %s", node)) for node in range(100)]

    assert passed == [True] * MAX_LINES_PER_WINDOW + [False] * (
        100 - MAX_LINES_PER_WINDOW
    )
    assert line_filter.filter(_line("a leader is gone"))


def test_suppressed_lines_are_counted_in_the_next_window() -> None:
    """The first line carries the count, and passes again."""
    times = iter(
        [0.0, *repeat(1.0, MAX_LINES_PER_WINDOW + 3), *repeat(1.0 + WINDOW_S, 2)]
    )
    line_filter = RepeatedLineFilter(clock=lambda: next(times))
    for _ in range(MAX_LINES_PER_WINDOW + 3):
        line_filter.filter(_line("no answer"))

    later = [_line("no answer"), _line("no answer")]

    assert [line_filter.filter(line) for line in later] == [True, True]
    assert [_suppressed(line) for line in later] == [3, 0]


def test_kinds_of_past_windows_are_forgotten() -> None:
    """Memory stays bounded although a library puts values into the text itself."""
    seconds = iter(range(100_000))
    line_filter = RepeatedLineFilter(clock=lambda: float(next(seconds)))

    for number in range(1_000):
        assert line_filter.filter(_line(f"no answer to {number}"))

    assert (
        len(line_filter._line_counts) + len(line_filter._suppressed_counts)  # noqa: SLF001 - memory
        <= WINDOW_S + 1
    )


PROGRAM = dedent("""
    import logging
    import structlog
    from agents.shared.logging import configure_logging

    configure_logging("info")
    structlog.get_logger().info("partitions_revoked", stage="deliver.events")
    for node in range(100):
        logging.getLogger("aiokafka.conn").error("no answer of %s: %s", node, "refused")
    try:
        1 / 0
    except ZeroDivisionError:
        logging.getLogger("faust.agents").exception("Crashed reason=%r", "it")
        logging.getLogger("aiokafka.consumer").exception("Unexpected error")
    logging.getLogger("aiokafka.consumer").info("an informational line")
""")


def _logged_lines() -> Iterator[dict[str, Any]]:
    completed = subprocess.run(  # noqa: S603 - our own program, no shell
        [sys.executable, "-c", PROGRAM], capture_output=True, check=True, text=True
    )
    assert completed.stdout == ""
    yield from map(json.loads, completed.stderr.splitlines())


def test_lines_of_libraries_are_json_on_standard_error_like_ours() -> None:
    """A traceback becomes one field of one line."""
    ours, *refused, crash, _ = _logged_lines()

    assert (ours["event"], ours["stage"]) == ("partitions_revoked", "deliver.events")
    assert [line["event"] for line in refused] == [
        f"no answer of {node}: refused" for node in range(MAX_LINES_PER_WINDOW)
    ]
    assert {line["logger"] for line in refused} == {"aiokafka.conn"}
    assert (crash["event"], crash["level"]) == ("Crashed reason='it'", "error")
    assert crash["exception"].endswith("ZeroDivisionError: division by zero")


def test_a_kafka_client_traceback_is_one_field() -> None:
    """A restarting broker fills no pages: errors that matter are raised as well."""
    *_, line = _logged_lines()

    assert line["event"] == "Unexpected error"
    assert line["error"] == "ZeroDivisionError('division by zero')"
    assert "Traceback" not in str(line)
