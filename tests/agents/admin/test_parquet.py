"""A snapshot of the table survives a Parquet file, which other tools can read."""

import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agents.admin import parquet
from streams.audiences.table_snapshot import TableSnapshot
from streams.errors import ConfigError
from tests.streams.audiences.test_table_snapshot import AT, SNAPSHOT, SNAPSHOTS


@settings(
    deadline=None,
    max_examples=30,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(SNAPSHOTS, st.integers(1, 3))
def test_a_snapshot_survives_its_file(
    tmp_path: Path, snapshot: TableSnapshot, group_rows: int
) -> None:
    """The size of a row group changes nothing."""
    path = tmp_path / "all.parquet"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parquet, "ROW_GROUP_ROWS", group_rows)
        parquet.write_parquet(path, snapshot, exported_at=AT)

    assert parquet.read_parquet(path) == snapshot


def test_other_tools_read_it(tmp_path: Path) -> None:
    """The columns are plain, and times are timestamps."""
    path = tmp_path / "all.parquet"
    parquet.write_parquet(path, SNAPSHOT, exported_at=AT)

    [first, *_] = pq.read_table(path).to_pylist()

    assert (first["user"], first["name"], first["inside"]) == ("u", "vip", True)
    assert first["time"].isoformat() == "1970-01-01T00:00:00.005000+00:00"


def test_a_file_of_another_is_refused(tmp_path: Path) -> None:
    """The error text says how to get a valid file."""
    path = tmp_path / "all.parquet"
    parquet.write_parquet(path, SNAPSHOT, exported_at=AT)
    table = pq.read_table(path)
    pq.write_table(table.drop_columns(["list_id"]), path)

    with pytest.raises(ConfigError, match="other columns than an export; export it"):
        parquet.read_parquet(path)
    pq.write_table(table.replace_schema_metadata(None), path)
    with pytest.raises(ConfigError, match="is not the header of an export; export it"):
        parquet.read_parquet(path)
    path.write_text("nope")
    with pytest.raises(ConfigError, match="can't be read as Parquet"):
        parquet.read_parquet(path)


def test_without_pyarrow_the_extra_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error text names the extra to install."""
    monkeypatch.setitem(sys.modules, "pyarrow", None)

    with pytest.raises(ConfigError, match=r"pip install 'klaviyo-streams\[parquet\]'"):
        parquet.write_parquet(tmp_path / "all.parquet", SNAPSHOT, exported_at=AT)
