"""Tests of `explain`, line by line."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from agents.cli import main
from tests.judging import note_printed_requests

TRACK = {"type": "track", "event": "Viewed", "userId": "u1", "properties": {"a": 1}}
LEAVE = {"list_id": "L1", "external_id": {"@path": "$.userId"}}


def explained(*lines: object, options: tuple[str, ...] = ()) -> list[dict[str, Any]]:
    """Run the command on lines; text goes in as it is."""
    texts = [line if isinstance(line, str) else json.dumps(line) for line in lines]
    given = "".join(f"{text}\n" for text in texts)
    result = CliRunner().invoke(main, ["explain", *options], input=given)
    assert result.exit_code == 0, result.output
    answer = [json.loads(line) for line in result.stdout.splitlines()]
    note_printed_requests(answer)
    return answer


def outcomes_in(answer: dict[str, Any]) -> list[tuple[int, str, str]]:
    """Give index, verdict and the reason's code of each outcome."""
    return [
        (one["index"], one["verdict"], one["reason"].partition(":")[0])
        for one in answer["outcomes"]
    ]


def test_an_event_is_told_with_all_that_would_be_done() -> None:
    """The shapes are a contract."""
    (answer,) = explained({**TRACK, "messageId": "m1"})

    payload = {
        "metric_name": "Viewed",
        "profile": {"external_id": "u1"},
        "properties": {"a": 1},
        "unique_id": "m1",
    }
    assert answer["matched"] == ["Track Event"]
    assert answer["activations"] == [
        {"action": "trackEvent", "mapping": "Track Event", "payload": payload}
    ]
    (request,) = answer["requests"]
    assert request.keys() == {"method", "path", "query", "body"}
    assert (request["method"], request["path"]) == ("POST", "/api/events")
    assert request["query"] == []
    assert request["body"]["data"]["attributes"]["unique_id"] == "m1"
    assert answer["outcomes"] == [
        {"index": 0, "verdict": "delivered", "status": 202, "reason": ""}
    ]


def test_queries_are_told_as_pairs() -> None:
    """Not encoded, in the order they are sent."""
    (answer,) = explained(
        {
            "action": "removeProfileFromList",
            "mapping": LEAVE,
            "events": [{"userId": 'a"b'}, {"userId": "c\\d"}],
        }
    )

    look_up, removal = answer["requests"]
    assert look_up["query"][0] == ["filter", 'any(external_id,["a\\"b","c\\\\d"])']
    assert look_up["body"] is None
    assert removal["method"] == "DELETE"
    assert len(removal["body"]["data"]) == 2


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        pytest.param(
            {"type": "page", "userId": "u1"},
            [(0, "discarded", "no-mapping")],
            id="no-mapping",
        ),
        pytest.param(
            {"type": "nothing"}, [(0, "dead-letter", "unknown-type")], id="unreadable"
        ),
        pytest.param(
            {
                "type": "track",
                "event": "Audience Entered",
                "userId": "u1",
                "properties": {"audience_key": "vip"},
            },
            [(0, "discarded", "audience")],
            id="a-workers-audience",
        ),
        pytest.param(
            {"action": "trackEvent", "subscribe": 'type = "page"', "events": [TRACK]},
            [(0, "discarded", "no-mapping")],
            id="not-subscribed",
        ),
        pytest.param(
            {
                "mode": "batch",
                "action": "removeProfileFromList",
                "mapping": LEAVE,
                "events": [{}, {"userId": "u1"}, 3, {"userId": "u1"}],
            },
            [
                (0, "dead-letter", "no-identifier"),
                (1, "delivered", ""),
                (2, "dead-letter", "no-event"),
                (3, "delivered", ""),
            ],
            id="refused-beside-delivered",
        ),
        pytest.param(
            {
                "type": "identify",
                "userId": "u1",
                "traits": {"email": "a@b.com", "phone": "1"},
            },
            [(0, "delivered", "dropped")],
            id="a-bad-phone-is-dropped",
        ),
        pytest.param(
            {"action": "trackEvent", "mapping": "x", "events": []}, None, id="bad-map"
        ),
    ],
)
def test_every_event_has_an_outcome(
    line: dict[str, Any], expected: list[tuple[int, str, str]] | None
) -> None:
    """In order, each with the place of its event; a wrong line has none."""
    (answer,) = explained(line)

    assert outcomes_in(answer) == expected if expected else "error" in answer


@pytest.mark.parametrize(
    ("mode", "requests"),
    [
        pytest.param("batch", ["/api/event-bulk-create-jobs"], id="together"),
        pytest.param("single", ["/api/events", "/api/events"], id="one-by-one"),
    ],
)
def test_the_mode_says_what_goes_together(mode: str, requests: list[str]) -> None:
    """As Segment's two ways of performing an action."""
    events = [{**TRACK, "messageId": name} for name in ("m1", "m2")]

    (answer,) = explained({"mode": mode, "action": "trackEvent", "events": events})

    assert [one["path"] for one in answer["requests"]] == requests
    assert [one[1] for one in outcomes_in(answer)] == ["delivered", "delivered"]


def test_an_order_of_several_events_has_one_outcome() -> None:
    """An event with two matching mappings stays one event of the user."""
    products = [{"product_id": "1"}, {"product_id": "2"}]
    order = {"order_id": "o1", "products": products}

    (answer,) = explained({**TRACK, "event": "Order Completed", "properties": order})

    assert outcomes_in(answer) == [(0, "delivered", "")]


def test_whoever_unsubscribes_from_a_list_is_asked_for_first() -> None:
    """Both addresses are the same person's."""
    (answer,) = explained(
        {
            "action": "unsubscribeProfile",
            "mapping": {
                "list_id": "L1",
                "email": "A@b.com",
                "phone_number": "+14155550132",
            },
            "events": [{}],
        },
    )

    *look_ups, withdrawal = answer["requests"]
    profiles = withdrawal["body"]["data"]["attributes"]["profiles"]["data"]
    assert [one["path"] for one in look_ups] == ["/api/lists/L1/profiles"] * 2
    assert [one["attributes"]["phone_number"] for one in profiles] == ["+14155550132"]


def test_a_broken_line_is_an_error_and_the_next_goes_on() -> None:
    """Each line gets one answer, in order."""
    answer = explained("nope", "[1]", "", '{"events": 1}', TRACK)

    assert ["error" in one for one in answer] == [True, True, True, True, False]


def test_the_same_line_has_the_same_answer() -> None:
    """Equal input gives equal output, independent of clock and randomness."""
    many = {
        "action": "addProfileToList",
        "mapping": LEAVE,
        "events": [{"userId": f"u{n}"} for n in range(10)],
    }

    first, second = explained(many, many)

    assert first == second
    assert outcomes_in(first) == [(n, "delivered", "") for n in range(10)]


def test_a_destination_files_mappings_apply(tmp_path: Path) -> None:
    """Lists are shown by their names."""
    file = tmp_path / "destination.yaml"
    file.write_text(
        "mappings:\n"
        "  - {name: All, action: trackEvent, trigger: 'type = \"track\"'}\n"
        "  - {name: Seen, action: upsertProfile, trigger: 'event = \"Viewed\"'}\n"
    )

    (answer,) = explained(TRACK, options=("--destination", str(file)))

    assert answer["matched"] == ["All", "Seen"]
    assert len(answer["outcomes"]) == 2


@pytest.mark.parametrize(
    ("fql", "expected_answers"),
    [
        pytest.param('type = "track"', [{"match": True}, {"match": False}], id="sound"),
        pytest.param("type =", ["line 1, column 7", "line 1, column 7"], id="wrong"),
    ],
)
def test_a_trigger_is_tried(fql: str, expected_answers: list[Any]) -> None:
    """Yes or no for each event; what is wrong for each, if it is."""
    answers = explained(TRACK, {"type": "page"}, options=("--trigger", fql))

    for answer, expected in zip(answers, expected_answers, strict=True):
        assert answer == expected or answer["error"].startswith(expected)


@pytest.mark.parametrize(
    ("mapping", "expected"),
    [
        pytest.param({"a": {"@path": "$.event"}}, {"value": {"a": "Viewed"}}, id="map"),
        pytest.param({"@path": "$.none"}, {"value": None}, id="undefined-is-null"),
        pytest.param({"@path": 3}, {"error": "/@path"}, id="wrong"),
    ],
)
def test_a_mapping_is_tried(
    tmp_path: Path, mapping: object, expected: dict[str, Any]
) -> None:
    """A mapping gives its value, or the reason for a failure."""
    file = tmp_path / "mapping.json"
    file.write_text(json.dumps(mapping))

    (answer,) = explained(TRACK, options=("--mapping", str(file)))

    assert answer.keys() == expected.keys()
    assert answer == expected or expected["error"] in answer["error"]


def test_two_questions_at_once_are_refused(tmp_path: Path) -> None:
    """Contradicting options print the usage."""
    file = tmp_path / "mapping.json"
    file.write_text("{}")
    options = ["--trigger", 'type = "track"', "--mapping", str(file)]

    assert CliRunner().invoke(main, ["explain", *options]).exit_code == 2


def test_lines_are_answered_as_they_come_until_nobody_reads() -> None:
    """A pipe that is closed is no error."""
    line = json.dumps(TRACK) + "\n"
    with subprocess.Popen(  # our own command, no shell
        [sys.executable, "-m", "agents.cli", "explain"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdin.write(line)
        process.stdin.flush()
        answer = process.stdout.readline()

        process.stdout.close()
        process.stdin.write(line)
        process.stdin.close()
        errors = process.stderr.read()

    assert json.loads(answer)["matched"] == ["Track Event"]
    assert (process.returncode, errors) == (0, "")


def test_a_mapping_nested_too_deeply_is_an_error() -> None:
    """Though it is JSON that can be read."""
    deep = "[" * 600 + "]" * 600

    (answer,) = explained(f'{{"action":"trackEvent","mapping":{deep},"events":[]}}')

    assert answer == {"error": "too-deep: mapping: is nested too deeply"}


@pytest.mark.parametrize(
    ("identity", "traits", "hold"),
    [
        pytest.param(
            "{unknown: hold}",
            {},
            "for 15 min by a worker, unless it knows the person",
            id="default",
        ),
        pytest.param(
            "{unknown: hold, hold_for_s: 90}",
            {},
            "for 1.5 min by a worker, unless it knows the person",
            id="shorter",
        ),
        pytest.param("{unknown: hold}", {"email": "a@b.co"}, None, id="address"),
        pytest.param("{unknown: send}", {}, None, id="send"),
    ],
)
def test_a_hold_is_announced(
    tmp_path: Path, identity: str, traits: dict[str, str], hold: str | None
) -> None:
    """The requests are those after the hold, of a person who is still unknown."""
    path = tmp_path / "destination.yaml"
    path.write_text(f"settings: {{identity: {identity}}}")

    (answer,) = explained(
        {**TRACK, "context": {"traits": traits}}, options=("--destination", str(path))
    )

    assert answer.get("held") == hold
    assert len(answer["requests"]) == 1
