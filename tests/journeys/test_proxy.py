"""A worker that reaches Klaviyo only through a forward proxy, over TLS."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.journeys.harness import Pipeline
from tests.journeys.sample_events import email_of, moves, users
from tests.support.forward_proxy import CREDENTIALS, ForwardProxy, tls_front

pytestmark = [pytest.mark.kafka, pytest.mark.slow]

SOURCE_ADDRESS = "127.0.0.3"


@pytest.fixture
def proxy(tmp_path: Path) -> Iterator[ForwardProxy]:
    """Return a proxy that asks for credentials."""
    with closing(ForwardProxy(tmp_path)) as proxy:
        yield proxy


def test_an_audience_reaches_its_list_through_a_proxy(
    pipeline: Pipeline, proxy: ForwardProxy, tmp_path: Path
) -> None:
    """The credentials are in a file, and the certificates of the CA in another.

    With wrong credentials the worker waits and says why; it goes on where it stopped.
    """
    ca_file, credentials_file = tmp_path / "ca.pem", tmp_path / "proxy-credentials"
    credentials_file.write_text("streams:wrong\n")
    with tls_front(pipeline.klaviyo.url, ca_file) as url:
        pipeline.run(
            klaviyo_url=url,
            klaviyo_proxy=proxy.url,
            klaviyo_proxy_credentials_file=credentials_file,
            klaviyo_source_address=SOURCE_ADDRESS,
            klaviyo_ca_file=ca_file,
        )
        origins = pipeline.publish(moves(users("u", 20), "vip", entered=True))
        refused = pipeline.workers["w0"]
        pipeline.until(lambda: '"reason": "proxy-unauthorized"' in refused.log)
        assert not pipeline.klaviyo.lists()
        credentials_file.write_text(f"{CREDENTIALS}\n")
        refused.stop()
        pipeline.start("w1")
        pipeline.await_quiet(origins)
        pipeline.workers["w1"].stop()

    assert pipeline.klaviyo.members_of("vip") == sorted(map(email_of, users("u", 20)))
    assert f"{SOURCE_ADDRESS}:" in proxy.log
    for worker in pipeline.workers.values():
        assert CREDENTIALS.partition(":")[2] not in worker.log
