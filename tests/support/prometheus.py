"""A real Prometheus of one test, that scrapes the pages of workers."""

import json
import shutil
import subprocess
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.brokers.ports import free_ports

HOW_TO_GET = "needs Prometheus: apt-get install --no-install-recommends prometheus"

_ANSWER_S = 30.0
_END_S = 30.0

CONFIGURATION = """
global: {{scrape_interval: 500ms, scrape_timeout: 500ms}}
scrape_configs:
  - job_name: workers
    static_configs: [{{targets: {targets}}}]
"""


def is_installed() -> bool:
    """Return True if both programs of Debian's package are there."""
    return all(map(shutil.which, ("prometheus", "promtool")))


class Prometheus:
    """Running Prometheus, with its data in a folder of the test.

    Args:
        ports: Ports of 127.0.0.1 with pages to scrape.
        home: Folder for configuration and data.
    """

    def __init__(self, ports: Sequence[int], *, home: Path) -> None:
        targets = json.dumps([f"127.0.0.1:{port}" for port in ports])
        configuration = home / "prometheus.yml"
        configuration.write_text(CONFIGURATION.format(targets=targets))
        [port] = free_ports(1)
        self._url = f"http://127.0.0.1:{port}/api/v1/"
        with (home / "prometheus.log").open("wb") as log:
            self._process = subprocess.Popen(  # noqa: S603 - our own arguments
                [
                    shutil.which("prometheus") or "prometheus",
                    f"--config.file={configuration}",
                    f"--storage.tsdb.path={home / 'prometheus'}",
                    f"--web.listen-address=127.0.0.1:{port}",
                ],
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def query(self, expression: str) -> list[tuple[dict[str, str], float]]:
        """Return labels and value of each series; none while it starts."""
        rows = self._ask("query", query=expression)
        return [(row["metric"], float(row["value"][1])) for row in rows]

    def value(self, expression: str) -> float:
        """Return the value of an expression without labels; 0 for no series."""
        return sum(value for _, value in self.query(expression))

    def close(self) -> None:
        """Stop the process of Prometheus."""
        self._process.terminate()
        self._process.wait(_END_S)

    def _ask(self, path: str, **parameters: str) -> list[dict[str, Any]]:
        query = urllib.parse.urlencode(parameters)
        url = f"{self._url}{path}?{query}"
        try:
            with urllib.request.urlopen(url, timeout=_ANSWER_S) as answer:  # noqa: S310 - our own URL
                rows: list[dict[str, Any]] = json.load(answer)["data"]["result"]
        except OSError:
            return []
        return rows


def page(port: int, path: str) -> tuple[int, str]:
    """Return status and text of a page of a worker; status 0 if nothing listens."""
    try:
        with urllib.request.urlopen(
            f"http://127.0.0.1:{port}{path}", timeout=_ANSWER_S
        ) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as failure:
        return failure.code, failure.read().decode()
    except OSError:
        return 0, ""


def promtool_complaints(metrics_page: str) -> str:
    """Return the complaints of `promtool check metrics` about a page."""
    checked = subprocess.run(  # noqa: S603 - our own arguments
        [shutil.which("promtool") or "promtool", "check", "metrics"],
        input=metrics_page,
        capture_output=True,
        text=True,
        check=False,
        timeout=_END_S,
    )
    return checked.stdout + checked.stderr
