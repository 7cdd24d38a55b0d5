"""Sessions that last: tokens are renewed, and a broker that throttles is waited for."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from confluent_kafka import Producer as ClientOfKafka

from agents.engine.kafka import KafkaAccess
from agents.engine.producer import Message, Producer, Written
from agents.shared.context import kafka_access
from streams.settings import load_settings
from streams.settings.acls import Acl
from tests.kafka_security.broker import OPERATORS, REAUTH_MS
from tests.kafka_security.logins import PRINCIPALS, Secured, environ_of

pytestmark = [pytest.mark.kafka, pytest.mark.slow]

TOKEN_LIFE_S = 4
QUOTA_BYTES_PER_S = 68_000
RECORD = bytes(50_000)
RECORDS = 16


def _access(
    secured: Secured, login: dict[str, str], topic: str, *, principal: str
) -> KafkaAccess:
    secured.broker.create_topics(topic)
    secured.grant(principal, [Acl("topic", topic, ("READ", "WRITE"))])
    return kafka_access(load_settings(environ_of(login)))


@asynccontextmanager
async def _clients(
    access: KafkaAccess, topic: str, **options: object
) -> AsyncIterator[tuple[Producer, AIOKafkaConsumer]]:
    consumer = AIOKafkaConsumer(
        auto_offset_reset="earliest", **access.aiokafka_options()
    )
    await consumer.start()
    consumer.assign([TopicPartition(topic, 0)])
    try:
        producer = Producer(access, **options)
        async with producer:
            yield producer, consumer
    finally:
        await consumer.stop()


def test_tokens_are_renewed_and_sessions_continue(secured: Secured) -> None:
    """Longer than a token and than `connections.max.reauth.ms`: no record is lost."""
    secured.tokens.lifetime_s = TOKEN_LIFE_S
    login = secured.login("token", listener="SHORT")
    access = _access(secured, login, "renewed", principal=PRINCIPALS["token"])

    async def play() -> None:
        async with _clients(access, "renewed") as (producer, consumer):
            until_s = time.monotonic() + max(TOKEN_LIFE_S, REAUTH_MS / 1000) + 2
            number = 0
            while time.monotonic() < until_s:
                value = b"%d" % number
                [result] = await producer.send([Message("renewed", None, value)])
                assert isinstance(result, Written)
                record = await asyncio.wait_for(consumer.getone(), 20)
                assert record.value == value
                number += 1
                await asyncio.sleep(0.2)

    asyncio.run(play())

    assert len(secured.tokens.requests) >= 2
    [form, *_] = secured.tokens.requests
    assert form["grant_type"] == "client_credentials"
    assert form["scope"] == "kafka streams"


def test_a_throttled_client_waits_and_loses_nothing(secured: Secured) -> None:
    """A quota on the user delays answers; no client takes that for a time-out."""
    user = OPERATORS[-1]
    login = secured.login("plain", kafka_sasl_username=user)
    access = _access(secured, login, "throttled", principal=f"User:{user}")
    secured.set_quota(user, bytes_per_s=QUOTA_BYTES_PER_S)
    throttles: list[object] = []
    began_s = time.monotonic()

    async def play() -> list[object]:
        options = {"throttle_cb": throttles.append, "compression.type": "none"}
        async with _clients(access, "throttled", **options) as (producer, consumer):
            for _ in range(RECORDS):
                await producer.send([Message("throttled", None, RECORD)])
            return [await consumer.getone() for _ in range(RECORDS)]

    received = asyncio.run(play())

    assert len(received) == RECORDS
    assert throttles
    assert time.monotonic() - began_s > 1


def test_the_clients_name_their_rack(secured: Secured) -> None:
    """Both libraries send `client.rack` with each fetch."""
    settings = secured.login("scram") | {"kafka_client_rack": "eu-1a"}
    access = kafka_access(load_settings(environ_of(settings)))

    assert access.aiokafka_options()["client_rack"] == "eu-1a"
    ClientOfKafka(access.librdkafka_options())  # librdkafka knows the name
    assert access.librdkafka_options()["client.rack"] == "eu-1a"
