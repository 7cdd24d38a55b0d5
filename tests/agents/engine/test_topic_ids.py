"""Ids of topics, and brokers that do not tell the id."""

import asyncio
from concurrent.futures import Future
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import KafkaConnectionError, KafkaError
from confluent_kafka import KafkaError as Refusal
from confluent_kafka import KafkaException, Uuid

from agents.engine import kafka as kafka_module
from agents.engine.group_consumer import ReaderOptions
from agents.engine.kafka import KafkaAccess, fetch_topic_id
from agents.engine.reader import Reader
from agents.engine.table import Table
from agents.shared.embedded_broker import EmbeddedBroker
from tests.support.worker_fakes import FakeProducer

NOWHERE = KafkaAccess(bootstrap="127.0.0.1:9")
ID = Uuid(1, 2)


def _admin(topic_id: Uuid | int) -> Any:  # noqa: ANN401 - as much of a client as is asked
    """Return an admin client class that answers with an id or an error code."""

    class FakeAdmin:
        """Admin client with the two methods that ids need."""

        def __init__(self, _: object) -> None:
            pass

        def list_topics(self, _: str, *, timeout: float) -> object:
            """Implement `AdminClient.__init__` from memory."""
            del timeout
            return SimpleNamespace(cluster_id="c")

        def describe_topics(
            self, _: object, *, request_timeout: float
        ) -> dict[str, Future[Any]]:
            """Implement `AdminClient.describe_topics` from memory."""
            del request_timeout
            answer = Future[Any]()
            if isinstance(topic_id, Uuid):
                answer.set_result(SimpleNamespace(topic_id=topic_id))
            else:
                answer.set_exception(KafkaException(Refusal(topic_id)))
            return {"t": answer}

    return FakeAdmin


@pytest.mark.parametrize(
    ("answer", "topic_id"),
    [
        pytest.param(ID, str(ID), id="has-id"),
        pytest.param(Uuid(0, 0), "", id="older-than-ids"),
        pytest.param(Refusal.UNSUPPORTED_VERSION, "", id="cannot-be-asked"),
        pytest.param(Refusal._UNSUPPORTED_FEATURE, "", id="client-says-so"),  # noqa: SLF001 - its public name
    ],
)
async def test_an_id_is_what_a_broker_has(answer: Uuid | int, topic_id: str) -> None:
    """The id is empty if the broker has no topic ids."""
    assert await fetch_topic_id(NOWHERE, "t", create_admin=_admin(answer)) == topic_id


@pytest.mark.parametrize(
    "code",
    [
        pytest.param(Refusal._TIMED_OUT, id="timed-out"),  # noqa: SLF001 - its public name
        pytest.param(Refusal._TRANSPORT, id="away"),  # noqa: SLF001 - its public name
        pytest.param(Refusal.UNKNOWN_TOPIC_OR_PART, id="no-topic-yet"),
    ],
)
async def test_a_transient_error_is_raised_for_a_retry(code: int) -> None:
    """A transient error does not mean that the topic has no id."""
    with pytest.raises(KafkaError):
        await fetch_topic_id(NOWHERE, "t", create_admin=_admin(code))


async def test_an_unreachable_broker_is_raised_for_a_retry(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The connection fails before the broker's version is known."""
    monkeypatch.setattr(kafka_module, "TIMEOUT_S", 0.2)

    with pytest.raises(KafkaError):
        await fetch_topic_id(NOWHERE, "t")


async def test_the_embedded_broker_has_none() -> None:
    """The mock cluster has no controller, so its topics have no ids."""
    with EmbeddedBroker() as broker:
        broker.create_topics("t")
        topic_id = await fetch_topic_id(KafkaAccess(bootstrap=broker.bootstrap), "t")

    assert topic_id == ""


async def test_a_table_is_recovered_when_its_changelog_id_is_known(
    tmp_path: Path,
) -> None:
    """The partition is read only after the recovery."""
    looked_up: list[str] = []

    async def lookup(_: KafkaAccess, topic: str) -> str:
        looked_up.append(topic)
        await asyncio.sleep(0)
        if len(looked_up) < 3:
            raise KafkaConnectionError
        return "id"

    with EmbeddedBroker() as broker:
        broker.create_topics("rows")
        access = KafkaAccess(bootstrap=broker.bootstrap)
        rows = Table(
            changelog="rows",
            kafka=access,
            producer=FakeProducer(),
            merge=lambda _key, _current, recovered: recovered,
            directory=tmp_path,
            get_topic_id=lookup,
        )
        reader = _build_reader(access, rows)
        reader.on_assigned([TopicPartition("in", 0)])
        part = reader.partitions[TopicPartition("in", 0)]
        assert part.recovery_task is not None
        await part.recovery_task
        rows.close(0)

    assert part.ready
    assert looked_up == ["rows"] * 3


def _build_reader(access: KafkaAccess, rows: Table) -> Reader:
    app: Any = SimpleNamespace(channel=lambda maxsize: maxsize)
    options = ReaderOptions(name="stage", group="g", topics=("in",))
    return Reader(app, kafka=access, options=options, open_partition=rows.open)
