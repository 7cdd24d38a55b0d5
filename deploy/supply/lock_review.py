"""Review of the locked packages by the index: when released, and if yanked since.

    python -m deploy.supply.lock_review

Writes deploy/supply/lock_review.json with the day, so that a test can judge the lock
without a network: `make supply` after a change of the lock. uv is the client of the
index: its own lock names the time of each upload, and it warns of yanked releases.
"""

import json
import re
import subprocess
import sys
import tomllib
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from deploy.supply.runtime_lock import runtime_requirements

FILE = Path(__file__).with_suffix(".json")

YANKED = re.compile(r"`([a-z0-9._-]+)==[^`]+` is yanked")


def review(requirements: dict[str, str]) -> dict[str, Any]:
    """Return day and findings of a review.

    Args:
        requirements: Locked packages: name to pinned requirement.

    Returns:
        `reviewed`, a day, and `packages`: name to `version`, `released` (day of the
        first upload) and `yanked`.
    """
    with TemporaryDirectory() as folder:
        project = (
            '[project]\nname = "review"\nversion = "0"\nrequires-python = ">=3.11"\n'
            f"dependencies = {json.dumps([*requirements.values()])}\n"
        )
        Path(folder, "pyproject.toml").write_text(project)
        uv = Path(sys.executable).with_name("uv")
        log = subprocess.run(  # noqa: S603 - no shell
            [uv, "lock"], cwd=folder, check=True, capture_output=True, text=True
        ).stderr
        locked = tomllib.loads(Path(folder, "uv.lock").read_text())["package"]
    yanked = set(YANKED.findall(log))
    return {
        "reviewed": datetime.now(UTC).date().isoformat(),
        "packages": {
            package["name"]: {
                "version": package["version"],
                "released": first_upload(package),
                "yanked": package["name"] in yanked,
            }
            for package in locked
            if package["name"] in requirements
        },
    }


def first_upload(package: dict[str, Any]) -> str:
    """Return the day of the first upload of a release in uv's lock."""
    files = [*package.get("wheels", ()), package.get("sdist", {})]
    times: list[str] = [file["upload-time"] for file in files if "upload-time" in file]
    return min(times)[:10]


if __name__ == "__main__":
    FILE.write_text(json.dumps(review(runtime_requirements()), indent=1) + "\n")
