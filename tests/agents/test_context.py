"""Where a record came from, and what a fault may say."""

import pytest

from agents.context import ORIGIN, kafka_access, origin_of, poison_of, position_of
from streams.errors import PoisonRecord
from tests.agents.fakes import record, settings

PASSWORD = "5ecret"  # noqa: S105 - of nothing


def test_the_origin_is_the_source_record_s() -> None:
    """However many topics the record has crossed."""
    read = record(b"", offset=9, headers=[("x", b"y"), (ORIGIN, b"source/2/41")])

    assert str(origin_of(read)) == "source/2/41"
    assert str(position_of(read)) == "t.in/0/9"


def test_a_record_without_the_header_is_its_own_origin() -> None:
    """So it is at intake, and where intake is skipped."""
    assert str(origin_of(record(b"", offset=9))) == "t.in/0/9"


@pytest.mark.parametrize("text", [b"", b"source", b"source/x/1", b"\xff/1/1/1"])
def test_a_header_nobody_wrote_is_poison(text: bytes) -> None:
    """It is no reason to guess."""
    with pytest.raises(PoisonRecord, match="bad-origin"):
        origin_of(record(b"", headers=[(ORIGIN, text)]))


def test_a_poison_is_kept_and_a_bug_is_named_by_its_place() -> None:
    """The message of an unknown error may quote a record, so it is left out."""
    poison = PoisonRecord("not-json", "not a JSON text")

    def buggy() -> None:
        raise KeyError("somebody@example.com")

    with pytest.raises(KeyError) as caught:
        buggy()
    bug = poison_of(caught.value)

    assert poison_of(poison) is poison
    assert bug.code == "internal-error"
    assert bug.reason.startswith("KeyError in buggy, line ")
    assert "somebody" not in bug.reason


def test_kafka_s_password_is_in_no_repr() -> None:
    """Where a log may show it."""
    told = settings(
        kafka_security_protocol="SASL_SSL",
        kafka_sasl_mechanism="SCRAM-SHA-512",
        kafka_sasl_username="me",
        kafka_sasl_password=PASSWORD,
    )

    access = kafka_access(told)

    assert access.aiokafka()["sasl_plain_password"] == PASSWORD
    assert access.librdkafka()["sasl.password"] == PASSWORD
    assert PASSWORD not in repr(access)
