"""Origins of records, and the texts of faults."""

import pytest

from agents.shared.context import kafka_access
from agents.shared.headers import ORIGIN_HEADER, own_origin, read_origin
from agents.shared.records import to_poison_record
from streams.errors import PoisonRecord
from tests.support.worker_fakes import record, settings

PASSWORD = "5ecret"  # noqa: S105 - of nothing


def test_the_origin_is_the_source_record_s() -> None:
    """However many topics the record has crossed."""
    read = record(b"", offset=9, headers=[("x", b"y"), (ORIGIN_HEADER, b"source/2/41")])

    assert str(read_origin(read)) == "source/2/41"
    assert str(own_origin(read)) == "t.in/0/9"


def test_a_record_without_the_header_is_its_own_origin() -> None:
    """So it is at intake, and where intake is skipped."""
    assert str(read_origin(record(b"", offset=9))) == "t.in/0/9"


@pytest.mark.parametrize("text", [b"", b"source", b"source/x/1", b"\xff/1/1/1"])
def test_a_header_nobody_wrote_is_poison(text: bytes) -> None:
    """A broken header is not a reason to guess."""
    with pytest.raises(PoisonRecord, match="bad-origin"):
        read_origin(record(b"", headers=[(ORIGIN_HEADER, text)]))


def test_a_poison_is_kept_and_a_bug_is_named_by_its_place() -> None:
    """The message of an unknown error may quote a record, so it is left out."""
    poison = PoisonRecord("not-json", "not a JSON text")

    def buggy() -> None:
        raise KeyError("somebody@example.com")

    with pytest.raises(KeyError) as caught:
        buggy()
    bug = to_poison_record(caught.value)

    assert to_poison_record(poison) is poison
    assert bug.code == "internal-error"
    assert bug.reason.startswith("KeyError in buggy, line ")
    assert "somebody" not in bug.reason


def test_kafka_s_password_is_in_no_repr() -> None:
    """A log may show the text of the object."""
    worker_settings = settings(
        kafka_security_protocol="SASL_SSL",
        kafka_sasl_mechanism="SCRAM-SHA-512",
        kafka_sasl_username="me",
        kafka_sasl_password=PASSWORD,
    )

    access = kafka_access(worker_settings)

    assert access.aiokafka_options()["sasl_plain_password"] == PASSWORD
    assert access.librdkafka_options()["sasl.password"] == PASSWORD
    assert PASSWORD not in repr(access)
