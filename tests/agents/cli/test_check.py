"""A destination file, read before it is used."""

from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from structlog.testing import capture_logs

from agents.cli import main
from agents.cli.worker import log_notices
from streams.destination.completion import SEND_NOTICE
from streams.destination.loader import read_destination


def checked(tmp_path: Path, text: str) -> Result:
    """Check a file of that text."""
    file = tmp_path / "destination.yaml"
    file.write_text(text)
    return CliRunner().invoke(main, ["check", str(file)])


def test_an_empty_file_has_every_preset(tmp_path: Path) -> None:
    """A file with nothing works."""
    result = checked(tmp_path, "")

    assert result.exit_code == 0
    assert "mapping Track Event: trackEvent\n" in result.output
    assert '  trigger: type = "identify" and ' in result.output
    assert "audiences: synced\n" in result.output


def test_what_the_file_says_is_told(tmp_path: Path) -> None:
    """Mappings, triggers, batches, metrics, audiences, the key's variable."""
    result = checked(
        tmp_path,
        "settings: {api_key_env: MY_KEY, unknown_metric: dead-letter}\n"
        "audiences: {vip: L1, big_spenders: {enabled: false}}\n"
        "mappings:\n"
        "  - name: Views\n"
        "    action: trackEvent\n"
        "    trigger: 'event = \"Viewed\"'\n"
        "    fields: {metric_name: Viewed Product}\n"
        "    batching: {size: 10, keys: [metric_name]}\n",
    )

    assert result.output.splitlines() == [
        "api key from MY_KEY",
        "unknown metrics: dead-letter",
        f"unknown persons: {SEND_NOTICE}",
        "mapping Views: trackEvent",
        '  trigger: event = "Viewed"',
        "  batches: up to 10, grouped by metric_name",
        "  metrics: Viewed Product",
        "audiences: synced",
        "  vip: list L1",
        "  big_spenders: list found or created by name, not enabled",
    ]


def test_doubts_are_warnings_beside_a_valid_file(tmp_path: Path) -> None:
    """Warnings go to standard error: the output stays a description."""
    result = checked(
        tmp_path,
        "mappings: [{action: unsubscribeProfile, model: people, on: [added, deleted]}]",
    )

    assert result.exit_code == 0
    assert "  rows: deleted, new of people\n" in result.stdout
    assert "warning" not in result.stdout
    [warning] = result.stderr.splitlines()
    assert warning.startswith("warning: mappings[0].on: deleted: a vanished row is no ")


@pytest.mark.parametrize(
    ("identity", "notices"),
    [
        pytest.param("{}", [SEND_NOTICE], id="default"),
        pytest.param("{unknown: null}", [SEND_NOTICE], id="null"),
        pytest.param("{on_conflict: merge}", [SEND_NOTICE], id="another-setting"),
        pytest.param("{unknown: send}", [], id="chosen"),
        pytest.param("{unknown: hold}", [], id="hold"),
        pytest.param("{unknown: drop}", [], id="drop"),
    ],
)
def test_operators_who_have_not_chosen_are_warned_of_second_profiles(
    tmp_path: Path, identity: str, notices: list[str]
) -> None:
    """The command and the log of a worker say the same, in one line."""
    text = f"settings: {{identity: {identity}}}"
    with capture_logs() as lines:
        log_notices(read_destination(text))

    printed = checked(tmp_path, text).output.splitlines()

    assert [line["notice"] for line in lines] == notices
    warned = [line for line in printed if line.startswith("unknown persons")]
    assert warned == [f"unknown persons: {notice}" for notice in notices]


@pytest.mark.parametrize(
    ("text", "paths"),
    [
        pytest.param(
            "mappings: [{action: nope}, {action: trackEvent, trigger: 'type ='}]",
            ["mappings[0].action: nope", "mappings[1].trigger: line 1, column"],
            id="every-one-of-several",
        ),
        pytest.param("settings: {api_key: x}", ["settings.api_key: "], id="a-secret"),
        pytest.param(
            "settings: {web_port: 70000, stages: [fly], klaviyo_url: here, webport: 1,"
            " session_timeout_s: 60, kafka_sasl_password: x, country: QQ}",
            [
                "settings.web_port: Expected `int` <= 65535",
                "settings.stages: 'fly' is not one of intake",
                "settings.klaviyo_url: not an http or https address",
                "settings.webport: is not a known setting; did you mean web_port?",
                "settings.session_timeout_s: must be shorter than rebalance_timeout_s",
                "settings.kafka_sasl_password: a secret does not belong in this file",
                "settings.country: is not an ISO 3166 code",
            ],
            id="a-workers-settings",
        ),
        pytest.param("a: [", ["line 1: is not valid YAML"], id="no-yaml"),
    ],
)
def test_every_mistake_is_told_with_its_path(
    tmp_path: Path, text: str, paths: list[str]
) -> None:
    """Exit 1, and no traceback."""
    result = checked(tmp_path, text)

    assert result.exit_code == 1
    assert [path for path in paths if path not in result.output] == []
    assert len(result.output.splitlines()) == len(paths)
    assert "Traceback" not in result.output


def test_the_example_file_has_no_mistake() -> None:
    """The example in deploy/ is valid, since readers copy it."""
    example = Path(__file__).parents[3] / "deploy" / "examples" / "destination.yaml"

    result = CliRunner().invoke(main, ["check", str(example)])

    assert result.exit_code == 0, result.output
    assert "audiences: synced" in result.output
