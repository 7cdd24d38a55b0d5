"""A sandbox and a pipeline for each journey, and a way to say what was measured."""

import uuid
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.brokers.interface import Broker
from tests.journeys.harness import Pipeline
from tests.journeys.klaviyo import Klaviyo

QUICK = ("--job-seconds", "0.2")

QUOTA_SCALE = 10
"""With Klaviyo's own quotas 500 pages take 45 s, and they are read three times."""

Say = Callable[[str], None]


@pytest.fixture
def klaviyo(request: pytest.FixtureRequest) -> Iterator[Klaviyo]:
    """A sandbox without quotas; a test may name other options."""
    with closing(Klaviyo("--no-quotas", *getattr(request, "param", QUICK))) as klaviyo:
        yield klaviyo


@pytest.fixture
def pipeline(
    durable_kafka: Broker, klaviyo: Klaviyo, topic_prefix: str, tmp_path: Path
) -> Iterator[Pipeline]:
    """Topics and workers of one test; their logs show no key and no person."""
    prefix = topic_prefix
    with closing(
        Pipeline(durable_kafka, klaviyo=klaviyo, prefix=prefix, home=tmp_path)
    ) as pipeline:
        yield pipeline
    pipeline.check_logs()


@pytest.fixture(scope="module")
def shared(
    kafka: Broker,
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Pipeline]:
    """The same for all tests of a module, which starts the workers itself."""
    if not kafka.durable:
        pytest.skip(f"needs a durable broker, and this run has {kafka.name}")
    name = f"{request.module.__name__.rpartition('.')[2]}-{uuid.uuid4().hex[:8]}"
    home = tmp_path_factory.mktemp(name)
    with closing(Klaviyo("--no-quotas", *QUICK)) as klaviyo:
        prefix = f"{name.replace('_', '-')}."
        with closing(
            Pipeline(kafka, klaviyo=klaviyo, prefix=prefix, home=home)
        ) as pipeline:
            yield pipeline
    pipeline.check_logs()


@pytest.fixture
def rate_limited_pipeline(
    durable_kafka: Broker, topic_prefix: str, tmp_path: Path
) -> Iterator[Pipeline]:
    """Start a pipeline whose sandbox has quotas."""
    options = ("--quota-scale", str(QUOTA_SCALE), *QUICK)
    with (
        closing(Klaviyo(*options)) as klaviyo,
        closing(
            Pipeline(durable_kafka, klaviyo=klaviyo, prefix=topic_prefix, home=tmp_path)
        ) as pipeline,
    ):
        yield pipeline.run(
            klaviyo_quota_scale=QUOTA_SCALE,
            bulk_min_items=4,
            batch_max_items=5_000,
            batch_max_age_s=1.0,
        )
        pipeline.check_logs()


@pytest.fixture
def say(pytestconfig: pytest.Config, capfd: pytest.CaptureFixture[str]) -> Say:
    """Write a line where the reader of a test run sees it, captured or not."""
    reporter = pytestconfig.pluginmanager.getplugin("terminalreporter")

    def write(line: str) -> None:
        with capfd.disabled():
            reporter.ensure_newline()
            reporter.write_line(f"  {line}")

    return write
