"""Journal of all requests with bodies, in files that outlive the sandbox."""

import os
from io import FileIO
from pathlib import Path

import orjson


class Journal:
    """File for the requests of this process, in append mode.

    A line is in the file before its request is answered: a killed sandbox loses none.
    Bodies contain personal data, so a journal is written only on request.

    Args:
        directory: Directory of the file; None writes nothing.
    """

    def __init__(self, directory: Path | None) -> None:
        self._directory = directory
        self._file: FileIO | None = None

    def add(self, *, method: str, path: str, status: int, body: bytes) -> None:
        r"""Append a request to the journal.

        Args:
            method: HTTP method.
            path: Path as sent, without the query.
            status: Status of the response.
            body: Raw body; bytes that are not valid UTF-8 are written as `\xff`.
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
        """Close the file; the next line opens the file again."""
        if self._file is not None:
            self._file.close()
            self._file = None
