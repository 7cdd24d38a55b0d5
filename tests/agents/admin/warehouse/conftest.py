"""Fixtures of the tests of syncs."""

from pathlib import Path

import pytest

from tests.agents.admin.warehouse.sync_case import SyncCase


@pytest.fixture
def case(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SyncCase:
    """A warehouse with an empty table, and no state."""
    return SyncCase(tmp_path, monkeypatch)
