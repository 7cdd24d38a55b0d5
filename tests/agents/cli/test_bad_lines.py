"""No line ends the command: each has its answer, and the next one goes on."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from agents.cli import main
from agents.cli.explain import fake_client_for
from agents.cli.support.event_tester import encode_answer
from agents.cli.support.json_lines import JsonAnswer, answer_lines
from agents.cli.support.tester_options import create_tester
from streams.actions.registry import ACTIONS
from streams.errors import StreamsError
from streams.sandbox import Sandbox, SandboxConfig
from tests.judging import note_printed_requests
from tests.support.worker_fakes import presets

TEN_MB = 10_000_000
LAST = b'{"type":"track","event":"Last","userId":"u1","messageId":"m1","properties":{}}'
NO_JSON = "not-json: the line is not valid JSON"

Build = Callable[[], bytes]


def nested(depth: int) -> bytes:
    """Write an object in an object, so many times."""
    return b'{"a":' * depth + b"1" + b"}" * depth


def viewed(properties: bytes, *, event: bytes = b"Viewed") -> bytes:
    """Write a track event."""
    return (
        b'{"type":"track","userId":"u1","messageId":"m0","event":"%b","properties":%b}'
        % (event, properties)
    )


def explained(*lines: bytes, options: tuple[str, ...] = ()) -> list[dict[str, Any]]:
    """Run the command on lines, and a good one after them."""
    given_lines = b"\n".join([*lines, LAST])
    result = CliRunner().invoke(main, ["explain", *options], input=given_lines)
    assert result.exit_code == 0, result.output
    answers = [json.loads(line) for line in result.stdout.splitlines()]
    note_printed_requests(answers)
    return answers


@pytest.mark.parametrize(
    ("line", "error"),
    [
        pytest.param(lambda: b"nope", NO_JSON, id="no-json"),
        pytest.param(lambda: b"", NO_JSON, id="empty"),
        pytest.param(lambda: LAST[:-1], NO_JSON, id="cut"),
        pytest.param(lambda: b"\0", NO_JSON, id="null-byte"),
        pytest.param(lambda: viewed(b"{}", event=b"a\0b"), NO_JSON, id="null-in-text"),
        pytest.param(lambda: b"\xff\xfe{}", NO_JSON, id="not-utf8"),
        pytest.param(lambda: viewed(b'{"a":NaN}'), NO_JSON, id="nan"),
        pytest.param(lambda: viewed(b'{"a":1e999}'), NO_JSON, id="infinity"),
        pytest.param(lambda: b"[" * 100_000, NO_JSON, id="open-brackets"),
        pytest.param(lambda: nested(2_000), NO_JSON, id="deeper-than-json-is-read"),
        pytest.param(lambda: b"x" * TEN_MB, NO_JSON, id="10-mb-of-nothing"),
        pytest.param(
            lambda: b"[1]", "not-an-object: the line is not a JSON object", id="a-list"
        ),
        pytest.param(
            lambda: b'{"action":["a"],"events":[1]}',
            "mapping.action: is not text, or is empty",
            id="action-a-list",
        ),
        pytest.param(
            lambda: b'{"action":"trackEvent","subscribe":{},"events":[1]}',
            "mapping.trigger: is not text, or is empty",
            id="subscribe-an-object",
        ),
        pytest.param(
            lambda: b'{"mode":{},"action":"trackEvent","events":[]}',
            "bad-line: mode: must be single or batch",
            id="mode-an-object",
        ),
        pytest.param(
            lambda: b'{"action":"trackEvent","events":{}}',
            "bad-line: events: must be a list",
            id="events-an-object",
        ),
    ],
)
def test_a_line_that_can_not_be_read_is_an_error(line: Build, error: str) -> None:
    """And says nothing of what it holds."""
    answers, last = explained(line())

    assert answers == {"error": error}
    assert last["matched"] == ["Track Event"]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        pytest.param(
            lambda: viewed(b'{"a":"' + b"x" * TEN_MB + b'"}'),
            "too-large: the value is over 1000000 bytes",
            id="10-mb-of-text",
        ),
        pytest.param(
            lambda: viewed(b"{}", event=b"x" * TEN_MB),
            "too-large: the value is over 1000000 bytes",
            id="10-mb-of-name",
        ),
        pytest.param(
            lambda: viewed(b"{}", event=b"x" * 200),
            "metric-name-too-long: a metric's name is over 127 characters",
            id="long-name",
        ),
        pytest.param(
            lambda: viewed(nested(50)),
            "properties-too-deep: over 10 levels",
            id="deep",
        ),
        pytest.param(
            lambda: viewed(nested(900)),
            "too-deep: nested over 100 levels",
            id="deeper-than-a-worker-reads",
        ),
        pytest.param(
            lambda: viewed(b"[1]"),
            "bad-properties: properties is not an object",
            id="list",
        ),
        pytest.param(
            lambda: b'{"type":"track","event":{},"userId":[],"properties":{}}',
            "bad-event-name: event is not text, or is blank",
            id="wrong-types",
        ),
    ],
)
def test_an_event_klaviyo_would_not_take_is_a_dead_letter(
    line: Build, reason: str
) -> None:
    """With the reason, whatever of it can be shown."""
    answers, last = explained(line())

    (outcome,) = answers["outcomes"]
    assert (outcome["verdict"], outcome["reason"]) == ("dead-letter", reason)
    assert answers["requests"] == []
    assert last["outcomes"][0]["verdict"] == "delivered"


@pytest.mark.parametrize(
    "line",
    [
        pytest.param(lambda: b"\xef\xbb\xbf" + LAST, id="bom"),
        pytest.param(lambda: viewed(b"{}", event=b"\\ud800"), id="half-a-pair"),
    ],
)
def test_a_line_that_a_worker_can_repair_is_read(line: Build) -> None:
    """The answer is that of the event."""
    answer, _ = explained(line())

    assert answer["outcomes"][0]["verdict"] == "delivered"


def test_an_event_that_can_not_be_shown_hides_no_other() -> None:
    """A payload that cannot be written is empty, and all outcomes are printed."""
    deep = json.loads(viewed(nested(900)))
    line = {"action": "trackEvent", "events": [deep, json.loads(LAST)]}

    answers, _ = explained(json.dumps(line).encode())

    assert [one["verdict"] for one in answers["outcomes"]] == [
        "dead-letter",
        "delivered",
    ]
    payloads = [one["payload"] for one in answers["activations"]]
    assert payloads[0] == {}
    assert payloads[1]["metric_name"] == "Last"


@pytest.mark.parametrize(
    "options",
    [
        pytest.param(("--trigger", 'length(event) > 1 or type = "x"'), id="trigger"),
        pytest.param(("--mapping",), id="mapping"),
    ],
)
def test_a_question_outlives_its_lines_too(
    options: tuple[str, ...], tmp_path: Path
) -> None:
    """Of a trigger and of a mapping."""
    if options == ("--mapping",):
        file = tmp_path / "mapping.json"
        file.write_text('{"@path": "$.properties"}')
        options = (*options, str(file))
    lines = [b"nope", b"[1]", b"\0", b'{"event":3}', viewed(nested(900))]

    answers = explained(*lines, options=options)

    assert ["error" in one for one in answers[:3]] == [True] * 3
    assert len(answers) == len(lines) + 1
    assert "error" not in answers[-1]


def test_a_fault_of_ours_is_the_answer_to_its_line() -> None:
    """By its kind only: its words may hold what the line held."""

    async def answering(line: bytes) -> JsonAnswer:
        if line == b"bad\n":
            raise KeyError("jane@example.com")
        return {"line": line.decode().strip()}

    with CliRunner().isolation(input="bad\ngood\n") as (out, *_):
        with asyncio.Runner() as runner:
            answer_lines(runner, answering)
        printed = out.getvalue()

    assert printed.splitlines() == [b'{"error":"failed: KeyError"}', b'{"line":"good"}']


async def test_what_is_sent_outlives_its_lines_too() -> None:
    """On the sandbox, whose answers are as real as their lines are not."""
    lines = [
        b"nope",
        viewed(nested(900)),
        viewed(b'{"a":"' + b"x" * TEN_MB + b'"}'),
        viewed(b"{}", event=b"a\\u0000b"),
        b'{"type":"identify","userId":"\\u0000","traits":{"email":[],"phone":{}}}',
        LAST,
    ]
    async with Sandbox(SandboxConfig(quota_scale=None)) as klaviyo:
        result = await asyncio.to_thread(
            CliRunner().invoke,
            main,
            ["send", "--klaviyo-url", klaviyo.url],
            input=b"\n".join(lines),
            env={"KLAVIYO_API_KEY": "pk_any"},
        )

    answers = [json.loads(line) for line in result.stdout.splitlines()]
    assert result.exit_code == 0
    assert len(answers) == len(lines)
    assert answers[-1]["outcomes"][0]["verdict"] == "delivered"


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(min_value=-(2**63), max_value=2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8)
    | st.sampled_from(["track", "a@b.co", "+14155550132", "2025-01-01T00:00:00Z"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["a", "email", "products"]), inner, max_size=3
        )
    ),
    max_leaves=8,
)
EVENT = st.fixed_dictionaries(
    {"type": st.sampled_from(["track", "identify", "delete"]) | JSON},
    optional={
        "event": st.sampled_from(["Viewed", "Order Completed"]) | JSON,
        **dict.fromkeys(("userId", "properties", "traits", "context"), JSON),
    },
)
LINE = st.fixed_dictionaries(
    {"action": st.sampled_from(list(ACTIONS)) | JSON, "events": st.lists(EVENT)},
    optional={"mapping": JSON, "mode": st.sampled_from(["single", "batch"]) | JSON},
)


@given(JSON | EVENT | LINE)
def test_whatever_a_line_holds_it_has_an_answer(line: Any) -> None:  # noqa: ANN401 - any JSON
    """An error on purpose, or an outcome for each event."""
    answering = create_tester(presets(), client_factory=fake_client_for)

    try:
        answers = asyncio.run(_awaited(answering(json.dumps(line).encode())))
    except StreamsError:
        return

    again = json.loads(encode_answer(answers))
    assert len(again["outcomes"]) >= len(line.get("events", [1]))


async def _awaited(answer: Awaitable[JsonAnswer]) -> JsonAnswer:
    return await answer
