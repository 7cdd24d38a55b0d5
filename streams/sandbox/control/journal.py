"""Every request with its body, a line each, in files that outlive the sandbox."""

import os
from io import FileIO
from pathlib import Path

import orjson

JOURNAL_VARIABLE = "SANDBOX_JOURNAL"
"""Names the directory, in the environment, so that it reaches a sandbox wherever it is
started. It is none of the `KLAVIYO_` settings: the demo keeps those from its processes.
"""


def journal_directory() -> Path | None:
    """Give the directory the environment names; None keeps no journal."""
    directory = os.environ.get(JOURNAL_VARIABLE)
    return Path(directory) if directory else None


class Journal:
    """Appends to a file of this process.

    A line is in the file before its request is answered: a killed sandbox loses none.
    Bodies hold people, so a journal is kept only where it is asked for.

    Args:
        directory: Where the file is; None writes nothing.
    """

    def __init__(self, directory: Path | None) -> None:
        self._directory = directory
        self._file: FileIO | None = None

    def add(self, *, method: str, path: str, status: int, body: bytes) -> None:
        r"""Write one request down.

        Args:
            method: HTTP method.
            path: Path as sent, without the query.
            status: Status of the answer.
            body: As it came; what is no UTF-8 in it is written `\xff`.
        """
        if self._directory is None:
            return
        if self._file is None:
            name = self._directory / f"{os.getpid()}.jsonl"
            self._file = FileIO(name, "a")
        text = body.decode(errors="backslashreplace")
        line = {"method": method, "path": path, "status": status, "body": text}
        self._file.write(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))

    def close(self) -> None:
        """Close the file; the next line would open it again."""
        if self._file is not None:
            self._file.close()
            self._file = None
