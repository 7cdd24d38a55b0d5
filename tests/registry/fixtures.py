"""Pytest fixtures for the registry: shared by the run, and a front of one test."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import closing

import pytest

from tests.registry import apicurio
from tests.registry.front import RegistryFront

_run_dir = pytest.StashKey[str]()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_setupnodes(config: pytest.Config) -> None:
    """Name the directory by which the test processes find one registry."""
    run_dir = tempfile.mkdtemp(prefix="klaviyo-streams-registry-")
    os.environ[apicurio.RUN_DIR_VARIABLE] = config.stash[_run_dir] = run_dir


def pytest_unconfigure(config: pytest.Config) -> None:
    """Remove the directory after the last test process."""
    if run_dir := config.stash.get(_run_dir, None):
        shutil.rmtree(run_dir, ignore_errors=True)


@pytest.fixture(scope="session")
def registry_url() -> str:
    """Return the address of the run's real registry, or skip the test."""
    if reason := apicurio.unavailable_reason():
        pytest.skip(reason)
    return apicurio.shared_url()


@pytest.fixture
def registry_front(registry_url: str) -> Iterator[RegistryFront]:
    """Return a front of the real registry, which the test may stop and start."""
    with closing(RegistryFront(registry_url)) as front:
        yield front
