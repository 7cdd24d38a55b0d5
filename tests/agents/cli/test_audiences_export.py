"""The files of a move: whole or not there, and refused where they can't be read."""

import stat
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from agents.admin import parquet, table_export
from agents.cli import main
from agents.cli.audiences import replacement_file, translate_file_errors
from agents.shared.embedded_broker import EmbeddedBroker
from streams.audiences.table_snapshot import read_lines
from streams.errors import ConfigError
from streams.settings import load_settings
from tests.streams.audiences.test_table_snapshot import LINES

FULL = Path("/dev/full")
NOWHERE = {"KLAVIYO_STREAMS_KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1"}
WRONG_SETTINGS = {"KLAVIYO_STREAMS_TOPIC_PARTITIONS": "many"}
"""End the command after it has read its file and before it asks Kafka."""


def _typed(*arguments: str, given: bytes = b"") -> Result:
    asked = ["audiences", *arguments]
    return CliRunner().invoke(main, asked, env=NOWHERE, input=given)


@pytest.mark.parametrize("ending", ["jsonl", "parquet"])
def test_a_file_that_is_no_export_is_refused(tmp_path: Path, ending: str) -> None:
    """By its name, before Kafka is asked for anything."""
    file = tmp_path / f"some.{ending}"
    file.write_text("nope\n")

    result = _typed("import", str(file), "--apply")

    assert result.exit_code == 1
    assert f"{file}: " in result.output
    assert "export it again" in result.output


def test_each_line_that_is_wrong_is_named() -> None:
    """Of standard input too."""
    given = b"\n".join([LINES[0], b"nope", LINES[1], b"[]"])

    result = _typed("import", "-", given=given)

    assert result.exit_code == 1
    problems = [line.partition("; ")[0] for line in result.output.splitlines()]
    assert problems == [
        "Error: standard input: line 2: not valid JSON",
        "standard input: line 4: expected `object`, got `array`",
    ]


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        pytest.param(("import", "none.jsonl"), 1, "No such file", id="no-file"),
        pytest.param(("import", "none.parquet"), 1, "No such file", id="no-parquet"),
        pytest.param(
            ("export", "none/all.jsonl"),
            2,
            "none is not a directory",
            id="no-directory",
        ),
        pytest.param(
            ("export", "-", "--format", "parquet"), 2, "standard output", id="stdout"
        ),
        pytest.param(
            ("--user", "u", "export", "-"), 2, "cannot be combined", id="of-the-other"
        ),
    ],
)
def test_what_can_not_be_done_is_told(
    arguments: tuple[str, ...], code: int, message: str
) -> None:
    """Each mistake is described, with the right exit code."""
    result = _typed(*arguments)

    assert result.exit_code == code
    assert message in result.output
    assert "Traceback" not in result.output


def test_a_file_takes_its_place_at_the_end_and_is_its_owner_s(tmp_path: Path) -> None:
    """People are in it."""
    target = tmp_path / "all.jsonl"
    target.write_text("old")

    with replacement_file(target) as path:
        path.write_text("new")
        before = target.read_text()

    assert (before, target.read_text()) == ("old", "new")
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert [*tmp_path.iterdir()] == [target]


def test_a_file_that_fails_leaves_the_old_one(tmp_path: Path) -> None:
    """And nothing beside it."""
    target = tmp_path / "all.jsonl"
    target.write_text("old")

    def cut() -> None:
        with replacement_file(target) as path:
            path.write_text("half")
            raise OSError("full")

    with pytest.raises(OSError, match="full"):
        cut()

    assert target.read_text() == "old"
    assert [*tmp_path.iterdir()] == [target]


def test_a_directory_that_takes_no_file_is_told_before_anything_is_read() -> None:
    """In words, and before Kafka is asked."""
    result = _typed("export", "/proc/all.jsonl")

    assert result.exit_code == 1
    assert "Error: /proc/all.jsonl: " in result.output
    assert "Traceback" not in result.output


@pytest.mark.skipif(not FULL.exists(), reason="no device here that is always full")
def test_a_disk_that_is_full_is_told(tmp_path: Path) -> None:
    """In words; the old file stays."""
    target = tmp_path / "all.jsonl"
    target.write_text("old")

    with (
        pytest.raises(ConfigError, match=f"{target}: No space left on device"),
        translate_file_errors(target),
        replacement_file(target),
    ):
        FULL.write_bytes(b"rows")

    assert [*tmp_path.iterdir()] == [target]
    assert target.read_text() == "old"


def test_a_parquet_file_is_known_by_its_first_bytes(tmp_path: Path) -> None:
    """Whatever it is called: it is not taken for lines of JSON."""
    file = tmp_path / "backup"
    copy = read_lines(LINES)
    parquet.write_parquet(file, copy, exported_at="")

    result = CliRunner().invoke(
        main, ["audiences", "import", str(file)], env=WRONG_SETTINGS
    )

    assert f"in the file: {copy.summary()}" in result.output


@pytest.mark.parametrize(
    ("running", "message", "written"),
    [
        pytest.param([True], "stop the workers first", False, id="before"),
        pytest.param([False, True], "import again", True, id="meanwhile"),
    ],
)
def test_a_worker_that_starts_while_the_table_is_moved_is_told(
    running: list[bool], message: str, *, written: bool
) -> None:
    """An import beside a running worker fails: the worker would not read the rows."""
    copy, answers = read_lines(LINES), iter(running)
    with EmbeddedBroker() as broker:
        named = {"KLAVIYO_STREAMS_KAFKA_BOOTSTRAP_SERVERS": broker.bootstrap}
        settings = load_settings(named, for_delivery=False)
        broker.create_topics(
            settings.topics.memberships_changelog, settings.topics.audience_lists
        )

        with pytest.raises(ConfigError, match=message):
            table_export.write_while_stopped(
                settings,
                copy,
                report=lambda _: None,
                is_running=lambda _: next(answers),
            )
        there = table_export.read_snapshot(settings, report=lambda _: None)

    assert bool(there.users) is written


def test_nobody_may_import_beside_workers() -> None:
    """A worker that starts during an import makes the import fail."""
    result = _typed("import", "-", "--apply", "--force")

    assert result.exit_code == 2
