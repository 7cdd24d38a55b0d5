"""Tests that `explain --source` and a worker agree on records of every format."""

import base64
from pathlib import Path
from typing import Any

import orjson
import pytest
from click.testing import CliRunner

from agents import activate, intake
from agents.cli import main
from agents.cli.support.event_tester import plan_steps
from agents.cli.support.source_records import parse_source_line
from streams.actions.activation import decode_activation
from streams.destination.loader import compile_destination
from streams.destination.model import Destination
from streams.settings.model import LaneId
from tests.cases.sources.case import Bad, Good, encoded
from tests.cases.sources.formats import BAD, GOOD, OPTIONS, TOPIC
from tests.support.worker_fakes import (
    FakeProducer,
    context,
    partition,
    record,
    run,
)

PEOPLE = """
sources:
  people: {topic: t, format: rows, key: id}
mappings:
  - {action: trackEvent, trigger: 'event = "updated"', fields: {metric_name: Row}}
"""
Result = tuple[list[str], list[str]]
"""Actions, and codes of reasons for having none."""


def _line(case: Good | Bad) -> bytes:
    """Return a case as a line, in base64: most values are not text."""
    parts = {"key": encoded(case.key), "value": encoded(case.value)}
    texts = {
        f"{name}_base64": base64.b64encode(part).decode()
        for name, part in parts.items()
        if part is not None
    }
    headers = {n: base64.b64encode(v).decode() for n, v in case.headers}
    return orjson.dumps({**texts, "headers_base64": headers})


def _by_worker(case: Good | Bad, destination: Destination) -> Result:
    producer = FakeProducer()
    services = context(producer, destination=destination)
    raw = record(
        encoded(case.value), topic=TOPIC, key=encoded(case.key), headers=case.headers
    )
    run(intake.process_records(services, [raw]))
    for event in producer.to("t.events"):
        source = record(event.value, key=event.key, headers=event.headers)
        run(activate.process_batch(services, [(partition("t.events"), [source])]))
    activations = [
        decode_activation(message.value)
        for lane in LaneId
        for message in producer.to(f"t.activations.{lane}")
    ]
    actions = [one.action for one in activations if not one.audience]
    return sorted(actions), _codes(item.reason for item in producer.outcomes())


def _by_explain(case: Good | Bad, destination: Destination) -> Result:
    [source] = destination.sources
    steps = plan_steps(*parse_source_line(_line(case), source, destination))
    actions = [s.mapping_result.action for s in steps if s.intents and s.mapping_result]
    return sorted(actions), _codes(
        str(s.verdict.reason) for s in steps if not s.intents
    )


def _codes(reasons: Any) -> list[str]:  # noqa: ANN401 - any iterable
    codes = {reason.partition(":")[0] for reason in reasons}
    return sorted(codes - {"audience"})


@pytest.mark.parametrize("name", GOOD)
def test_explain_says_what_a_worker_does(name: str) -> None:
    """The same actions, or the same reason for none, for every case of a format."""
    differing = {}
    cases: tuple[Good | Bad, ...] = (*GOOD[name], *BAD[name])
    for case in cases:
        options = {"topic": TOPIC, **OPTIONS[name], **case.options}
        destination = compile_destination({"sources": {"s": options}})
        worker, explained = (f(case, destination) for f in (_by_worker, _by_explain))
        if worker != explained:
            differing[case.id] = worker, explained

    assert differing == {}


def _explain(lines: list[bytes], path: Path) -> list[Any]:
    path.write_text(PEOPLE)
    arguments = ["explain", "--destination", str(path), "--source", "people"]
    result = CliRunner().invoke(main, arguments, input=b"\n".join(lines))
    assert result.exit_code == 0, result.output
    return [orjson.loads(line) for line in result.stdout.splitlines()]


def test_a_line_is_a_record_as_text_or_in_base64(tmp_path: Path) -> None:
    """Text is for people; an object is taken for JSON."""
    row = {"id": 7, "vip": True}
    text = orjson.dumps(row).decode()
    lines = [
        orjson.dumps({"value": text}),
        orjson.dumps({"value": row}),
        orjson.dumps({"value_base64": base64.b64encode(text.encode()).decode()}),
    ]

    answers = _explain(lines, tmp_path / "destination.yaml")

    mapped = [answer["activations"][0]["payload"]["properties"] for answer in answers]
    assert mapped == [row, row, row]


BAD_LINES = [
    pytest.param(b"{", "not-json", id="not-json"),
    pytest.param(b"[]", "not-an-object", id="list"),
    pytest.param(b'{"valeu":"x"}', "valeu: not one of", id="misspelled"),
    pytest.param(b'{"value_base64":"%"}', "value_base64: not base64", id="base64"),
    pytest.param(b'{"value_base64":7}', "value_base64: not base64", id="number"),
    pytest.param(
        b'{"value":"x","value_base64":"eA=="}', "both value and value_base64", id="both"
    ),
    pytest.param(b'{"headers":["a"]}', "headers: must be an object", id="headers"),
    pytest.param(
        b'{"headers_base64":{"a":"%"}}', "headers_base64.a: not base64", id="header"
    ),
]


@pytest.mark.parametrize(("line", "problem"), BAD_LINES)
def test_a_line_that_is_no_record_is_an_error(
    line: bytes, problem: str, tmp_path: Path
) -> None:
    """And the next line is answered all the same."""
    bad, good = _explain([line, b'{"value":{"id":1}}'], tmp_path / "destination.yaml")

    assert problem in bad["error"]
    assert good["outcomes"]


def test_a_source_must_be_in_the_destination_file(tmp_path: Path) -> None:
    """The error names those that are."""
    path = tmp_path / "destination.yaml"
    path.write_text(PEOPLE)
    arguments = ["explain", "--source", "orders"]

    alone = CliRunner().invoke(main, arguments)
    unknown = CliRunner().invoke(main, [*arguments, "--destination", str(path)])

    assert "--source needs --destination" in alone.stderr
    assert "sources.orders: not in the file, which has: people" in unknown.stderr
