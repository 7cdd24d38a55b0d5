"""Single broker for all processes of a parallel test run (`pytest -n`)."""

import os

import pytest

from tests.brokers import choice, external
from tests.brokers.fixtures import USED_BROKERS
from tests.brokers.interface import Broker

_shared = pytest.StashKey[Broker]()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_setupnodes(config: pytest.Config) -> None:
    """Start the broker before the test processes, which inherit its address.

    An embedded broker is not shared: each process has one of its own.
    """
    if "not kafka" in config.option.markexpr or external.unavailable_reason() is None:
        return
    chosen = choice.choose_private(brokers=1)
    if chosen.broker is not None:
        config.stash[_shared] = chosen.broker
        config.stash[USED_BROKERS].append(f"{chosen}, shared by all processes")
        os.environ[external.BOOTSTRAP_VARIABLE] = chosen.broker.bootstrap


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop the broker after the last test process."""
    if broker := config.stash.get(_shared, None):
        broker.close()


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put files with Kafka tests first: the longest ones must not begin last."""
    kafka_files = {item.path for item in items if item.get_closest_marker("kafka")}
    items.sort(key=lambda item: (item.path not in kafka_files, _folder_rank(item)))


def _folder_rank(item: pytest.Item) -> int:
    return 0 if "journeys" in item.path.parts else 1
