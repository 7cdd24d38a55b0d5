"""The sandbox in a process of its own, and what a test asks of it over HTTP."""

import json
import os
import subprocess
from collections import Counter
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from tests.support.cli_server import spawn_cli

ROOT = Path(__file__).parents[2]
_END_S = 240.0
_ANSWER_S = 300.0
"""All events of a long run are hundreds of megabytes."""


class Klaviyo:
    """Process of a local Klaviyo.

    Args:
        options: Command line options of `klaviyo-streams sandbox`.
    """

    def __init__(self, *options: str) -> None:
        read_end, write_end = os.pipe()
        self._process = spawn_cli("sandbox", "--port", "0", *options, stdout=write_end)
        os.close(write_end)
        self._output = os.fdopen(read_end)
        line = self._output.readline()
        assert line.startswith("Klaviyo sandbox on http://"), line
        self.url = line.split()[3]

    def lists(self) -> list[dict[str, Any]]:
        """Every list with its members."""
        found: list[dict[str, Any]] = self.ask("GET", "lists")
        return found

    def named(self, name: str) -> list[dict[str, Any]]:
        """Lists of one name."""
        found: list[dict[str, Any]] = self.ask("GET", f"lists?name={quote(name)}")
        return found

    def members(self) -> dict[str, list[str]]:
        """Names of lists, and the e-mail addresses on each; no name twice."""
        lists = self.lists()
        names = [one["name"] for one in lists]
        assert len(names) == len(set(names)), f"a list was created twice: {names}"
        return {
            one["name"]: sorted(member["email"] for member in one["members"])
            for one in lists
        }

    def members_of(self, name: str) -> list[str]:
        """The addresses on the one list of this name; sorted."""
        [one] = self.named(name)
        return sorted(member["email"] for member in one["members"])

    def emails(self) -> set[str]:
        """Addresses of all profiles."""
        return {profile["email"] for profile in self.ask("GET", "profiles")}

    def changes(self) -> dict[str, int]:
        """Return the requested and effective changes of all lists."""
        total: dict[str, int] = self.ask("GET", "changes")["total"]
        return total

    def requests(self, method: str = "", path: str = "/api/") -> list[dict[str, Any]]:
        """Requests so far, oldest first."""
        log = self.ask("GET", "requests")["log"]
        return [
            entry
            for entry in log
            if method in ("", entry["method"]) and entry["template"].startswith(path)
        ]

    def asked(self) -> Counter[str]:
        """Count the requests by `METHOD path`."""
        counts = Counter[str]()
        for row in self.ask("GET", "requests")["counters"]:
            counts[f"{row['method']} {row['path']}"] += row["requests"]
        return counts

    def fail(self, kind: str, **fault: object) -> str:
        """Put a fault in force; returns its id."""
        name: str = self.ask("POST", "faults", {"kind": kind, **fault})["id"]
        return name

    def struck(self) -> int:
        """Count the requests hit by the current faults."""
        return sum(fault["struck"] for fault in self.ask("GET", "faults"))

    def mend(self) -> None:
        """Remove all injected faults."""
        self.ask("DELETE", "faults")

    def ask(self, method: str, what: str, body: object = None) -> Any:  # noqa: ANN401 - JSON
        """Ask or order something under `/sandbox/`."""
        connection = HTTPConnection(urlsplit(self.url).netloc, timeout=_ANSWER_S)
        try:
            sent = None if body is None else json.dumps(body)
            connection.request(method, f"/sandbox/{what}", body=sent)
            answer = connection.getresponse()
            raw = answer.read()
        finally:
            connection.close()
        assert answer.status < 300, raw
        return json.loads(raw)

    def close(self) -> None:
        """Stop the sandbox process."""
        self._process.terminate()
        try:
            self._process.wait(_END_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._output.close()
