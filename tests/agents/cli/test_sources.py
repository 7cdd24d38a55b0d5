"""Command `sources`: what it prints of a topic on a broker, and of a file."""

from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest
from click.testing import CliRunner, Result
from confluent_kafka import Producer

from agents.cli import main
from agents.shared.embedded_broker import EmbeddedBroker
from streams.destination.loader import read_destination
from tests.cases.sources import connect_jdbc, maxwell

FILE = """
sources:
  people: {topic: pg.people, format: rows, tool: maxwell, key: id}
  vips: {topics: [a, b], format: rows, model: vip, audience: vips}
settings: {source_topics: [web]}
"""
ROWS = 50
FLUSH_S = 10


@pytest.fixture(scope="module")
def kafka() -> Iterator[str]:
    """Address of a broker with a topic of rows and an empty topic."""
    with EmbeddedBroker() as broker:
        broker.create_topics("shop.people", "empty")
        producer = Producer({"bootstrap.servers": broker.bootstrap})
        for number in range(ROWS):
            row = orjson.dumps({**connect_jdbc.ROW, "id": number})
            producer.produce("shop.people", row, key=str(number))
        producer.produce("shop.people", orjson.dumps(maxwell.INSERT), key="9")
        assert producer.flush(FLUSH_S) == 0
        yield broker.bootstrap


def _run(*arguments: str, kafka: str = "", destination: Path | None = None) -> Result:
    environ = {"KLAVIYO_STREAMS_KAFKA_BOOTSTRAP_SERVERS": kafka or "localhost:1"}
    if destination is not None:
        environ["KLAVIYO_STREAMS_DESTINATION"] = str(destination)
    return CliRunner().invoke(main, ["sources", *arguments], env=environ)


def test_inspect_prints_names_and_a_block_to_paste(kafka: str) -> None:
    """The block is the end of the output, and a valid destination file."""
    result = _run("inspect", "shop.people", kafka=kafka)

    assert result.exit_code == 0, result.output
    text, _, block = result.stdout.partition("\nsources:")
    [source] = read_destination(f"sources:{block}").sources
    assert (source.name, source.topics, source.email) == (
        "people",
        ("shop.people",),
        "mail",
    )
    assert f"shop.people: {ROWS + 1} records" in text
    assert "format: rows (connect-jdbc): " in text
    assert f"mail: e-mail address, in {ROWS}" in text
    assert "1 records look otherwise" in text
    assert "ada@example.com" not in result.stdout


def test_inspect_reads_the_last_records_only(kafka: str) -> None:
    """And prints JSON for programs."""
    result = _run("inspect", "shop.people", "--samples", "6", "--json", kafka=kafka)

    inspection = orjson.loads(result.stdout)
    assert inspection["records"] == 6
    assert inspection["source"]["format"] == "rows"
    assert read_destination(inspection["block"]).sources


def test_an_empty_topic_is_no_error(kafka: str) -> None:
    """The warning is the answer."""
    result = _run("inspect", "empty", kafka=kafka)

    assert result.exit_code == 0
    assert "warning: the topic has no records" in result.stdout


def test_list_shows_sources_and_other_source_topics(tmp_path: Path) -> None:
    """The command needs no Kafka for that."""
    path = tmp_path / "destination.yaml"
    path.write_text(FILE)

    texts = _run("list", destination=path).stdout.splitlines()
    objects = _run("list", "--json", destination=path).stdout.splitlines()

    assert texts == [
        "source people: pg.people: rows (maxwell), json; key id",
        "source vips: a, b: rows (connect-jdbc), json; model vip; audience vips",
        "source topic: web: segment, json",
    ]
    assert [orjson.loads(line)["name"] for line in objects] == ["people", "vips", ""]


def test_check_prints_the_sources(tmp_path: Path) -> None:
    """In the words of `sources list`."""
    path = tmp_path / "destination.yaml"
    path.write_text(FILE)

    result = CliRunner().invoke(main, ["check", str(path)])

    assert "source people: pg.people: rows (maxwell), json; key id" in result.stdout
