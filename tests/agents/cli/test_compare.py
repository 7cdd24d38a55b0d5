"""Command `compare`: the requests in which two destination files differ."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from agents.admin.publisher import RecordPublisher
from agents.cli import main
from agents.engine.kafka import KafkaAccess
from agents.engine.producer import Message
from agents.shared.embedded_broker import EmbeddedBroker
from streams.migration.behaviour import read_deviations
from tests.streams.actions.recorded_effects import lines
from tests.structure.source import ROOT

EXAMPLE = ROOT / "deploy" / "examples" / "segment-mappings"
DEFAULTS = ("default", "preset")
"""Recordings of Segment's own mappings, without changes."""

ANY_EVENT = 'type != "nothing"'

EXPECTED = (
    ("addProfileToList", r"only second: .*", "19"),
    ("addProfileToList", r"differs: .* at body.data.attributes.external_id", "19"),
    ("addProfileToList", r"differs: .*/relationships/profiles at .*id", "19"),
    ("orderCompleted", r"only first: POST /api/events", "7"),
    ("orderCompleted", r"only second: POST /api/event-bulk-create-jobs", "7"),
    ("removeProfileFromList", r"only second: .*", "19"),
    ("removeProfileFromList", r"differs: GET /api/profiles at query.*", "35"),
    ("removeProfileFromList", r"differs: DELETE .* at .*id", "35"),
    ("trackEvent", r"only second: POST /api/events", "19"),
    ("upsertProfile", r"only second: POST /api/profile-import", "21"),
    ("upsertProfile", r"differs: .* at body.data.attributes.external_id", "21"),
    ("upsertProfile", r"differs: .* at body.data.attributes.properties", "21"),
)
"""Action, difference, and the row of streams/DEVIATIONS.md that lists it."""


Json = Any


def _compare(
    directory: Path, *files: Json, events: list[Json], options: tuple[str, ...] = ()
) -> Result:
    paths = [directory / name for name in ("first.json", "second.json")]
    for path, content in zip(paths, files, strict=True):
        path.write_text(json.dumps(content))
    text = "".join(json.dumps(event) + "\n" for event in events)
    return CliRunner().invoke(main, ["compare", *map(str, paths), *options], input=text)


def _differences(result: Result) -> list[str]:
    """Return the lines of the summary, without the counts."""
    assert result.exit_code in {0, 1}, result.output
    return [line.split(maxsplit=1)[1] for line in result.stdout.splitlines()[1:]]


@pytest.mark.parametrize(
    "action",
    [
        *("upsertProfile", "addProfileToList", "removeProfileFromList", "trackEvent"),
        *("orderCompleted", "subscribeProfile", "unsubscribeProfile"),
    ],
)
def test_segments_defaults_differ_from_ours_as_listed(
    tmp_path: Path, action: str
) -> None:
    """On the recorded events of each action; every difference has its row."""
    inputs = [
        line["input"]
        for line in lines(action)
        if line["input"]["mapping_kind"] in DEFAULTS
    ]
    theirs = {"partnerAction": action, "mapping": inputs[-1]["mapping"]}
    result = _compare(
        tmp_path,
        [theirs | {"subscribe": ANY_EVENT}],
        [{"action": action, "trigger": ANY_EVENT}],
        events=[event for one in inputs for event in one["events"]],
    )

    rows = {subject for subject, _, _ in read_deviations()}
    expected = [
        (pattern, row) for of, pattern, row in EXPECTED if of == action and row in rows
    ]
    for difference in _differences(result):
        assert any(re.fullmatch(pattern, difference) for pattern, _ in expected), (
            difference
        )


def test_a_migrated_file_makes_the_same_requests(tmp_path: Path) -> None:
    """Of the subscriptions that it was made of."""
    subscriptions, migrated = EXAMPLE / "subscriptions.json", tmp_path / "new.yaml"
    arguments = ["migrate", str(subscriptions), "--output", str(migrated)]
    assert CliRunner().invoke(main, arguments).exit_code == 0

    events = ["--events", str(EXAMPLE / "events.jsonl")]
    result = CliRunner().invoke(
        main, ["compare", str(subscriptions), str(migrated), *events]
    )

    count = len((EXAMPLE / "events.jsonl").read_text().splitlines())
    assert (result.exit_code, result.stdout) == (
        0,
        f"{count} events, 0 with requests that differ\n",
    )


SIGNED_UP = {"type": "track", "event": "Signed Up", "userId": "u1", "properties": {}}
SHOP = [{"action": "trackEvent", "fields": {"metric_name": "Shop"}}]


def test_differences_are_counted_by_place(tmp_path: Path) -> None:
    """The exit code is 1; a line that is no event makes no request in either file."""
    result = _compare(
        tmp_path, [{"action": "trackEvent"}], SHOP, events=[SIGNED_UP, SIGNED_UP, "no"]
    )

    assert result.exit_code == 1
    assert result.stdout.splitlines()[0] == "3 events, 2 with requests that differ"
    [(count, text)] = [
        line.split(maxsplit=1) for line in result.stdout.splitlines()[1:]
    ]
    assert count == "2"
    assert text.startswith("differs: POST /api/events at body.data.attributes.metric.")


def test_each_difference_is_json_if_asked(tmp_path: Path) -> None:
    """With both requests, and the mappings that made them."""
    named = [{**SHOP[0], "name": "New"}]
    result = _compare(
        tmp_path,
        [{"action": "trackEvent"}],
        named,
        events=[SIGNED_UP],
        options=("--json",),
    )

    [difference] = map(json.loads, result.stdout.splitlines())
    assert difference["kind"] == "differs"
    assert (difference["line"], difference["second_mappings"]) == (1, ["New"])
    metric = difference["second"]["body"]["data"]["attributes"]["metric"]
    assert metric["data"]["attributes"]["name"] == "Shop"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        pytest.param(("--since", "2026-11-01T00:00Z"), "need --topic", id="since"),
        pytest.param(
            ("--topic", "t", "--events", __file__), "mutually exclusive", id="two"
        ),
    ],
)
def test_options_that_do_not_fit_are_refused(
    tmp_path: Path, options: tuple[str, ...], message: str
) -> None:
    """The error says what is missing."""
    result = _compare(tmp_path, SHOP, SHOP, events=[], options=options)

    assert result.exit_code == 2
    assert message in result.output


def test_events_come_from_a_range_of_a_topic(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A record without a value is no event, and ends nothing."""
    with EmbeddedBroker() as broker:
        broker.create_topics("source")
        variable = "KLAVIYO_STREAMS_KAFKA_BOOTSTRAP_SERVERS"
        monkeypatch.setenv(variable, broker.bootstrap)
        publisher = RecordPublisher(KafkaAccess(bootstrap=broker.bootstrap))
        values = [json.dumps(SIGNED_UP).encode(), None]
        publisher.publish([Message("source", b"u1", value) for value in values])

        result = _compare(
            tmp_path,
            [{"action": "trackEvent"}],
            SHOP,
            events=[],
            options=("--topic", "source"),
        )
        later = ("--topic", "source", "--since", "2100-01-01T00:00Z")
        nothing = _compare(tmp_path, SHOP, SHOP, events=[], options=later)

    assert result.stdout.startswith("2 events, 1 with requests that differ\n")
    assert (nothing.exit_code, nothing.stdout) == (
        0,
        "0 events, 0 with requests that differ\n",
    )
