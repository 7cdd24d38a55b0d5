"""A table survives its Parquet file, which other tools can read."""

import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agents import parquet
from streams.audiences.moving import Copy
from streams.errors import ConfigError
from tests.streams.audiences.test_moving import AT, COPIES, COPY

WHOLE = COPIES.filter(lambda copy: all(copy.rows.values()))
"""A row without a word is none."""


@settings(
    deadline=None,
    max_examples=30,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(WHOLE, st.integers(1, 3))
def test_a_copy_survives_its_file(tmp_path: Path, copy: Copy, each: int) -> None:
    """Whatever the size of a row group."""
    path = tmp_path / "all.parquet"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parquet, "WORDS_EACH", each)
        parquet.write(path, copy, exported_at=AT)

    assert parquet.read(path) == copy


def test_other_tools_read_it(tmp_path: Path) -> None:
    """Plain columns, with times that are times."""
    path = tmp_path / "all.parquet"
    parquet.write(path, COPY, exported_at=AT)

    [first, *_] = pq.read_table(path).to_pylist()

    assert (first["user"], first["name"], first["inside"]) == ("u", "vip", True)
    assert first["time"].isoformat() == "1970-01-01T00:00:00.005000+00:00"


def test_a_file_of_another_is_refused(tmp_path: Path) -> None:
    """With what to do."""
    path = tmp_path / "all.parquet"
    parquet.write(path, COPY, exported_at=AT)
    table = pq.read_table(path)
    pq.write_table(table.drop_columns(["list_id"]), path)

    with pytest.raises(ConfigError, match="other columns than an export; export it"):
        parquet.read(path)
    pq.write_table(table.replace_schema_metadata(None), path)
    with pytest.raises(ConfigError, match="no header of an export; export it again"):
        parquet.read(path)
    path.write_text("nope")
    with pytest.raises(ConfigError, match="can't be read as Parquet"):
        parquet.read(path)


def test_without_pyarrow_the_extra_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is one that few need."""
    monkeypatch.setitem(sys.modules, "pyarrow", None)

    with pytest.raises(ConfigError, match=r"pip install 'klaviyo-streams\[parquet\]'"):
        parquet.write(tmp_path / "all.parquet", COPY, exported_at=AT)
