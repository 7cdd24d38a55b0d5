"""Pytest fixtures for the registry: shared by the run, and a front of one test."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import closing

import pytest

from tests.registry import apicurio
from tests.registry.front import RegistryFront


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_setupnodes() -> None:
    """Name the directory by which the test processes find one registry."""
    os.environ[apicurio.RUN_DIR_VARIABLE] = tempfile.mkdtemp(
        prefix="klaviyo-streams-registry-"
    )


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
