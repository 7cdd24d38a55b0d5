"""Command `migrate`: exports become files that `check` accepts."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result

from agents.cli import main
from streams.migration.behaviour import _EVERY_ACTION, _OF_ACTION, read_deviations
from tests.structure.source import ROOT

EXAMPLE = ROOT / "deploy" / "examples" / "segment-mappings" / "subscriptions.json"
SECRET = "pk_0fAnExport"  # noqa: S105 - no real key
CLASSIC: dict[str, Any] = {
    "metadata": {"slug": "klaviyo"},
    "settings": {
        "apiKey": "PUBLIC",
        "privateKey": SECRET,
        "listId": "Ab12Cd",
        "confirmOptin": True,
        "enforceEmail": True,
        "sendAnonymousData": False,
    },
}


def _run(directory: Path, *documents: Any, options: tuple[str, ...] = ()) -> Result:  # noqa: ANN401 - JSON
    paths = []
    for number, document in enumerate(documents):
        path = directory / f"export-{number}.json"
        text = document if isinstance(document, str) else json.dumps(document)
        path.write_text(text)
        paths.append(str(path))
    return CliRunner().invoke(main, ["migrate", *paths, *options])


def _check(directory: Path, text: str) -> Result:
    path = directory / "destination.yaml"
    path.write_text(text)
    return CliRunner().invoke(main, ["check", str(path)])


@pytest.mark.parametrize("list_id", ["Ab12Cd", ""])
@pytest.mark.parametrize("confirms", [True, False])
@pytest.mark.parametrize("enforces", [True, False])
def test_classic_settings_become_a_file_that_check_accepts(
    tmp_path: Path, list_id: str, *, confirms: bool, enforces: bool
) -> None:
    """Every decision has its comment, and no key is written or printed."""
    settings = CLASSIC["settings"] | {
        "listId": list_id,
        "confirmOptin": confirms,
        "enforceEmail": enforces,
    }

    result = _run(tmp_path, CLASSIC | {"settings": settings})
    checked = _check(tmp_path, result.stdout)

    assert (result.exit_code, checked.exit_code) == (0, 0), checked.output
    assert SECRET not in result.output
    file = yaml.safe_load(result.stdout)
    actions = [mapping["action"] for mapping in file["mappings"]]
    added = "subscribeProfile" if confirms else "addProfileToList"
    assert actions == ["upsertProfile", added, "trackEvent", "orderCompleted"]
    assert file["settings"]["identity"]["unknown"] == ("drop" if enforces else "send")
    assert file["mappings"][3]["fields"] == {"event_name": "Placed Order"}
    assert result.stdout.count("  # ") >= 5


def test_subscriptions_and_audiences_become_a_file_that_check_accepts(
    tmp_path: Path,
) -> None:
    """With the names of this project, and the lists that the export knows."""
    audience = {"key": "vip", "definition": {}, "settings": {"listId": "Ef56"}}
    paused = {"key": "old", "definition": {}, "enabled": False}

    result = _run(tmp_path, EXAMPLE.read_text(), {"audiences": [audience, paused]})
    checked = _check(tmp_path, result.stdout)

    assert checked.exit_code == 0, checked.output
    file = yaml.safe_load(result.stdout)
    assert file["audiences"] == {"vip": {"list_id": "Ef56"}, "old": {"enabled": False}}
    assert [mapping["name"] for mapping in file["mappings"]] == [
        "Profiles",
        "Signed up",
    ]
    assert "subscribe:" not in result.stdout


def test_a_subscription_that_is_refused_stays_as_a_comment(tmp_path: Path) -> None:
    """The rest of the file is valid, and the report says what was refused."""
    refused = {
        "name": "Odd",
        "partnerAction": "trackEvent",
        "subscribe": 'type = "track" nonsense',
        "mapping": {},
    }

    result = _run(
        tmp_path, [refused, *json.loads(EXAMPLE.read_text())["subscriptions"]]
    )
    checked = _check(tmp_path, result.stdout)

    assert checked.exit_code == 0, checked.output
    assert "  # Refused here:" in result.stdout
    assert "Odd: accepted → refused" in result.stderr


def test_the_report_is_json_if_asked(tmp_path: Path) -> None:
    """Subject, before and after of each change."""
    result = _run(tmp_path, CLASSIC, options=("--json",))

    changes = json.loads(result.stderr)["changes"]
    assert {"enforceEmail", "confirmOptin"} <= {change["subject"] for change in changes}
    assert all({"subject", "before", "after"} == change.keys() for change in changes)


def test_a_file_is_replaced_only_by_force(tmp_path: Path) -> None:
    """The first answer names the option."""
    output = tmp_path / "destination.yaml"
    output.write_text("mine")

    kept = _run(tmp_path, CLASSIC, options=("--output", str(output)))
    before = output.read_text()
    replaced = _run(tmp_path, CLASSIC, options=("--output", str(output), "--force"))

    assert (kept.exit_code, before, replaced.exit_code) == (1, "mine", 0)
    assert "--force" in kept.output
    assert output.read_text().startswith("# Written by")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("{", "export-0.json: not JSON at line 1", id="no-json"),
        pytest.param("[]", "export-0.json: holds no Klaviyo destination", id="nothing"),
    ],
)
def test_a_bad_export_is_one_clear_error(
    tmp_path: Path, text: str, message: str
) -> None:
    """The line names the file, and for another shape the calls that export."""
    result = _run(tmp_path, text)

    assert result.exit_code == 1
    assert message in result.output


def test_the_report_names_rows_that_exist() -> None:
    """Every row that the report picks is in streams/DEVIATIONS.md."""
    subjects = {subject for subject, _, _ in read_deviations()}

    assert {*_EVERY_ACTION, *(row for rows in _OF_ACTION.values() for row in rows)} <= (
        subjects
    )
