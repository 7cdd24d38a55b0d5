"""Unit of `deploy/systemd`: verified by systemd, and confined."""

from pathlib import Path

import pytest

from streams.settings.model import Settings
from tests.deploy.tools import DEPLOY, run

pytestmark = pytest.mark.no_cover

UNIT = DEPLOY / "systemd/klaviyo-streams.service"
LINES = UNIT.read_text().splitlines()


def test_systemd_accepts_the_unit(tmp_path: Path) -> None:
    """All keys are known to systemd 252, that of Debian 12, and have valid values."""
    lines = [
        "ExecStart=/bin/true" if line.startswith("ExecStart=") else line
        for line in LINES
    ]
    (tmp_path / UNIT.name).write_text("\n".join(lines))

    assert run("systemd-analyze", "verify", tmp_path / UNIT.name) == ""


def test_the_worker_has_time_to_stop() -> None:
    """SIGTERM, then longer than a rebalance; a restart after exit code 70."""
    assert "KillSignal=SIGTERM" in LINES
    assert "TimeoutStopSec=90s" in LINES
    assert "Restart=always" in LINES


def test_the_key_is_a_credential() -> None:
    """The unit names a file for the key, by a setting that exists, and holds no key."""
    [setting] = [line for line in LINES if "API_KEY_FILE" in line]
    name = setting.split("=")[1].removeprefix("KLAVIYO_STREAMS_").lower()

    assert name in Settings.__struct_fields__
    assert any(line.startswith("LoadCredential=klaviyo-api-key:") for line in LINES)
