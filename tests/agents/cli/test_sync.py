"""Tests of `klaviyo-streams sync`: exit codes, output, and two runs at once."""

from collections.abc import Callable
from pathlib import Path

import duckdb
import orjson
import pytest
from click.testing import CliRunner, Result

from agents.admin.warehouse.lock import hold_lock
from agents.admin.warehouse.runner import SyncRunner
from agents.cli import main
from streams.destination.syncs.reader import read_syncs_of_file
from streams.settings import load_settings
from tests.support.worker_fakes import FakeProducer

FILE = """
settings: {source_topics: [events]}
syncs:
  people:
    connection_env: TEST_SYNC_URL
    sql: SELECT * FROM people
    key: id
  orders:
    connection_env: TEST_SYNC_URL
    sql: SELECT * FROM orders
    key: id
    topic: elsewhere
"""

Sync = Callable[..., Result]


@pytest.fixture
def data_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Folder of the states; the environment names it, the file and the database."""
    (tmp_path / "destination.yaml").write_text(FILE)
    with duckdb.connect(tmp_path / "warehouse.duckdb") as warehouse:
        warehouse.execute("CREATE TABLE people AS FROM range(500) numbers(id)")
    monkeypatch.setenv("TEST_SYNC_URL", f"duckdb:///{tmp_path}/warehouse.duckdb")
    monkeypatch.setenv("KLAVIYO_STREAMS_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv(
        "KLAVIYO_STREAMS_DESTINATION", str(tmp_path / "destination.yaml")
    )
    monkeypatch.setenv("KLAVIYO_STREAMS_KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:1")
    return tmp_path / "data"


@pytest.fixture
def sync(data_dir: Path) -> Sync:
    """Return a function that runs a command of `sync`."""
    assert not data_dir.exists()
    return lambda *arguments: CliRunner().invoke(main, ["sync", *arguments])


def _run_without_kafka(data_dir: Path) -> None:
    """Run the sync of people, as if Kafka had acknowledged every record."""
    env = {"KLAVIYO_STREAMS_DATA_DIR": str(data_dir)}
    settings = load_settings(env, None, for_delivery=False)
    people = read_syncs_of_file(FILE)["people"]
    SyncRunner(settings, people, report=print, producer=FakeProducer()).run()


def _change_warehouse(data_dir: Path, sql: str) -> None:
    with duckdb.connect(data_dir.parent / "warehouse.duckdb") as warehouse:
        warehouse.execute(sql)


def test_a_plan_prints_numbers_and_masked_keys(sync: Sync) -> None:
    """The exit code is 0 if no guard objects."""
    result = sync("plan", "people", "--samples", "1")

    assert result.exit_code == 0
    assert "new                 500" in result.stdout
    assert "***" in result.stdout.splitlines()[-1]


def test_a_paused_run_has_an_exit_code_of_its_own(sync: Sync, data_dir: Path) -> None:
    """From `plan`, `status` and `resume`, until somebody approves."""
    _run_without_kafka(data_dir)
    _change_warehouse(data_dir, "DELETE FROM people WHERE id < 200")

    planned = sync("plan", "people", "--json")
    _run_without_kafka(data_dir)
    status = sync("status", "people")
    approved = sync("approve", "people")

    assert planned.exit_code == status.exit_code == 2
    assert orjson.loads(planned.stdout)["plan"]["deleted"] == 200
    assert "klaviyo-streams sync approve people" in status.stdout
    assert approved.exit_code == 0
    assert sync("status", "people").exit_code == 0


def test_nothing_is_approved_that_is_not_paused(sync: Sync) -> None:
    """The commands end with 1, and so does `resume`."""
    for command in ("approve", "resume"):
        result = sync(command, "people")
        assert result.exit_code == 1


def test_a_second_run_is_refused_while_the_first_one_runs(
    sync: Sync, data_dir: Path
) -> None:
    """The error names the process; `status` answers all the same."""
    with hold_lock(data_dir / "syncs" / "people.lock"):
        result = sync("plan", "people")

        assert result.exit_code == 1
        assert "two runs at once are refused" in result.stderr
        assert sync("status", "people").exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        pytest.param(["check"], "syncs.orders.topic: no worker reads", id="topic"),
        pytest.param(["check", "persons"], "has no sync persons", id="name"),
        pytest.param(["run", "people"], "kafka", id="no-kafka"),
    ],
)
def test_an_error_is_a_line(sync: Sync, arguments: list[str], problem: str) -> None:
    """The exit code is 1, and nothing is read."""
    result = sync(*arguments)

    assert result.exit_code == 1
    assert problem in result.stderr
    assert "Traceback" not in result.output


def test_a_check_prints_the_columns(sync: Sync) -> None:
    """With the types that they have in the database."""
    result = sync("check", "people", "--online")

    assert result.exit_code == 0
    assert "id (integer)" in result.stdout
