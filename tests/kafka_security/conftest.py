"""Secured Kafka, and a pipeline beside it, for all tests of this folder."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from agents.engine.access.tokens import token_source
from tests.brokers import jvm
from tests.journeys.harness import Pipeline
from tests.journeys.klaviyo import Klaviyo
from tests.kafka_security.logins import Secured, secured_kafka


@pytest.fixture(scope="session")
def _secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    if reason := jvm.unavailable_reason():
        pytest.skip(reason)
    with secured_kafka(tmp_path_factory.mktemp("secured")) as secured:
        yield secured


@pytest.fixture
def secured(_secured: Secured) -> Secured:
    """Return the secured Kafka, whose token endpoint sends good tokens again."""
    _secured.tokens.reset()
    token_source.cache_clear()
    return _secured


@pytest.fixture(scope="module")
def secured_pipeline(
    _secured: Secured, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Pipeline]:
    """Return topics, and no worker yet; logs show no key and no person."""
    home: Path = tmp_path_factory.mktemp("workers")
    with (
        closing(Klaviyo("--no-quotas", "--job-seconds", "0.2")) as klaviyo,
        closing(
            Pipeline(_secured.broker, klaviyo=klaviyo, prefix="secured.", home=home)
        ) as pipeline,
    ):
        yield pipeline.run(workers=0)
    pipeline.check_logs()
