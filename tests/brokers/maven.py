"""Jars of Java programs: resolved once by Maven, kept outside the checkout."""

import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

POM = Path(__file__).parents[2] / "deploy" / "kafka" / "pom.xml"
_MAVEN_TIMEOUT_S = 600.0


def cache_dir() -> Path:
    """Return this project's directory under the user's cache."""
    home = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(home) / "klaviyo-streams"


def kafka_version() -> str:
    """Return the version of Kafka that the pom names."""
    match = re.search(r"<kafka\.version>(.+?)</kafka\.version>", POM.read_text())
    return match[1] if match else "unknown"


def resolve_kafka() -> Path:
    """Return a directory with the jars of Kafka; run Maven if it does not exist.

    Raises:
        subprocess.CalledProcessError: Maven failed; its output is the error's.
    """
    return resolve_pom(POM)


def resolve_pom(pom: Path, *options: str) -> Path:
    """Return a directory with the jars of a pom; run Maven if it does not exist.

    Two runs at once each resolve into a directory of their own, and the first to
    rename wins.

    Args:
        pom: The pom, in a folder whose name becomes that of the jars.
        options: Options of Maven's `dependency:copy-dependencies`.

    Raises:
        subprocess.CalledProcessError: Maven failed; its output is the error's.
    """
    digest = hashlib.sha256(pom.read_bytes()).hexdigest()[:12]
    jar_dir = cache_dir() / f"{pom.parent.name}-{digest}"
    if jar_dir.is_dir():
        return jar_dir
    cache_dir().mkdir(parents=True, exist_ok=True)
    temporary_dir = Path(tempfile.mkdtemp(prefix="resolving-", dir=cache_dir()))
    try:
        _run_maven(pom, temporary_dir, options)
        _publish(temporary_dir, jar_dir)
    finally:
        shutil.rmtree(temporary_dir, ignore_errors=True)
    return jar_dir


def _run_maven(pom: Path, target: Path, options: Sequence[str]) -> None:
    maven = shutil.which("mvn") or "mvn"
    goal = "dependency:copy-dependencies"
    arguments = [f"-DoutputDirectory={target}", *options]
    command = [maven, "-q", "-B", "-f", str(pom), goal, *arguments]
    subprocess.run(  # noqa: S603 - our own pom, no shell
        command, check=True, capture_output=True, timeout=_MAVEN_TIMEOUT_S, text=True
    )


def _publish(temporary_dir: Path, jar_dir: Path) -> None:
    try:
        temporary_dir.rename(jar_dir)
    except OSError:
        if not jar_dir.is_dir():
            raise
