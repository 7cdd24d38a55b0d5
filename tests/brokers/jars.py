"""The jars of Apache Kafka: resolved once by Maven, kept outside the checkout."""

import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

POM = Path(__file__).parents[2] / "deploy" / "kafka" / "pom.xml"
_RESOLVE_S = 600.0


def cache() -> Path:
    """The directory of this project under the user's cache."""
    home = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(home) / "klaviyo-streams"


def version() -> str:
    """The version of Kafka the pom names."""
    found = re.search(r"<kafka\.version>(.+?)</kafka\.version>", POM.read_text())
    return found[1] if found else "unknown"


def jars() -> Path:
    """A directory with the jars; Maven is run when it is not there.

    Two runs at once each resolve into a directory of their own, and the first to
    rename wins.

    Raises:
        subprocess.CalledProcessError: Maven failed; its output is the error's.
    """
    ready = cache() / f"kafka-{hashlib.sha256(POM.read_bytes()).hexdigest()[:12]}"
    if ready.is_dir():
        return ready
    cache().mkdir(parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(prefix="resolving-", dir=cache()))
    try:
        _resolve(fresh)
        _publish(fresh, ready)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    return ready


def _resolve(target: Path) -> None:
    maven = shutil.which("mvn") or "mvn"
    goal = "dependency:copy-dependencies"
    command = [maven, "-q", "-B", "-f", str(POM), goal, f"-DoutputDirectory={target}"]
    subprocess.run(  # noqa: S603 - our own pom, no shell
        command, check=True, capture_output=True, timeout=_RESOLVE_S, text=True
    )


def _publish(fresh: Path, ready: Path) -> None:
    try:
        fresh.rename(ready)
    except OSError:
        if not ready.is_dir():
            raise
