"""Versions of Faust and aiokafka that the engine accepts."""

import pytest

from agents.engine.faust_app import SUPPORTED_VERSIONS, check_versions
from streams.errors import EngineError


def test_the_installed_versions_are_those_it_was_written_for() -> None:
    """The lock file and the engine agree on the versions."""
    check_versions()


def test_the_versions_it_was_written_for_pass() -> None:
    """The check passes for exactly the supported versions."""
    check_versions(dict(SUPPORTED_VERSIONS))


@pytest.mark.parametrize("package", sorted(SUPPORTED_VERSIONS))
def test_another_version_is_refused_with_the_command_to_fix_it(
    package: str,
) -> None:
    """Even a patch release is refused until its internals have been measured."""
    installed = {**SUPPORTED_VERSIONS, package: f"{SUPPORTED_VERSIONS[package]}.1"}

    with pytest.raises(EngineError) as error:
        check_versions(installed)

    assert f"pip install {package}=={SUPPORTED_VERSIONS[package]}" in str(error.value)
