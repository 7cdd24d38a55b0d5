"""Stage intake while schemas are missing, or their registry is away."""

import pytest

from tests.registry.frames import avro, frame, register
from tests.registry.front import RegistryFront
from tests.registry.intake import (
    ADA,
    ADA_COLUMNS,
    PERSON,
    PERSON_V2,
    Worker,
    destination,
    rows,
    until,
)
from tests.support.worker_fakes import partition


async def test_one_request_fetches_a_schema_for_all_records(
    registry_front: RegistryFront, registry_url: str
) -> None:
    """Partitions that need it at the same time share the request."""
    number = register(registry_url, "shared-value", PERSON)
    raw = frame(number, avro(PERSON, ADA))
    worker = Worker(destination(registry_front.url))

    parts = [
        await worker.take(*rows(raw, raw), part=partition("t.people", index))
        for index in range(4)
    ]
    await until(lambda: all(part.unfinished_count == 0 for part in parts))
    await worker.finish(*rows(raw))

    assert len(registry_front.paths) == 1
    assert len(worker.columns()) == 9


async def test_a_schema_that_comes_late_is_waited_for(
    registry_front: RegistryFront, registry_url: str
) -> None:
    """Replication may bring the records before the schema."""
    number = register(registry_url, "late-value", PERSON_V2)
    raw = frame(number, avro(PERSON_V2, ADA | {"vip": True}))
    worker = Worker(destination(registry_front.url, registry={"unknown_schema_s": 60}))
    registry_front.late_ids = {number}

    part = await worker.take(*rows(raw))
    await until(lambda: len(registry_front.paths) > 1)
    assert part.unfinished_count == 1
    registry_front.late_ids = set()
    await until(lambda: part.unfinished_count == 0)

    assert worker.columns() == [ADA_COLUMNS | {"vip": True}]


async def test_a_registry_that_is_away_holds_its_partition_only(
    registry_front: RegistryFront,
    registry_url: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Records wait without a rebalance being held up, and go on by themselves."""
    number = register(registry_url, "away-value", PERSON)
    known = register(registry_url, "away-known", PERSON_V2)
    worker = Worker(destination(registry_front.url))
    await worker.finish(*rows(frame(known, avro(PERSON_V2, ADA | {"vip": True}))))
    registry_front.stop()

    part = await worker.take(*rows(frame(number, avro(PERSON, ADA))))
    assert part.paused
    await part.wait_idle()
    await worker.take(*rows(frame(number, avro(PERSON, ADA))), part=part)
    other = partition("t.people", 1)
    await worker.take(
        *rows(frame(known, avro(PERSON_V2, ADA | {"vip": False}))), part=other
    )
    assert other.unfinished_count == 0
    assert part.unfinished_count == 2
    await until(lambda: "registry_away" in capsys.readouterr().out)
    registry_front.start()
    await until(lambda: part.unfinished_count == 0)
    await until(lambda: not part.paused)

    assert [columns.get("vip") for columns in worker.columns()] == [
        True,
        False,
        None,
        None,
    ]
    assert "registry_away" not in capsys.readouterr().out


async def test_a_partition_that_is_revoked_waits_no_longer(
    registry_front: RegistryFront,
) -> None:
    """The next owner reads the records again."""
    registry_front.stop()
    worker = Worker(destination(registry_front.url))
    part = await worker.take(*rows(frame(1, b"x")))

    part.revoking = True
    worker.waiting.on_partitions_revoked([part])
    await until(lambda: not part.paused)

    assert part.unfinished_count == 1
    assert worker.producer.sent == []


async def test_refused_credentials_are_waited_for_and_named(
    registry_front: RegistryFront,
    registry_url: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The log has the fix, and no secret."""
    number = register(registry_url, "secret-value", PERSON)
    registry_front.credentials = "reader:s3cret"
    names = {"username_env": "REGISTRY_USER", "password_env": "REGISTRY_PASSWORD"}
    environ = {"REGISTRY_USER": "reader", "REGISTRY_PASSWORD": "wrong-one"}
    worker = Worker(destination(registry_front.url, registry=names), environ)

    part = await worker.take(*rows(frame(number, avro(PERSON, ADA))))
    shown = ""

    def is_warned() -> bool:
        nonlocal shown
        shown += capsys.readouterr().out
        return "registry_away" in shown

    await until(is_warned)
    assert part.unfinished_count == 1
    environ["REGISTRY_PASSWORD"] = "s3cret"  # noqa: S105 - of this test's front
    await until(lambda: part.unfinished_count == 0)

    assert "check the user name, password or token" in shown
    assert "wrong-one" not in shown + capsys.readouterr().out
    assert worker.columns() == [ADA_COLUMNS]


async def test_a_bearer_token_opens_the_registry(
    registry_front: RegistryFront, registry_url: str
) -> None:
    """The token comes from a variable too."""
    number = register(registry_url, "token-value", PERSON)
    registry_front.token = "t0ken"  # noqa: S105 - of this test's front
    compiled = destination(registry_front.url, registry={"bearer_token_env": "TOKEN"})
    worker = Worker(compiled, {"TOKEN": "t0ken"})

    await worker.finish(*rows(frame(number, avro(PERSON, ADA))))

    assert worker.columns() == [ADA_COLUMNS]
