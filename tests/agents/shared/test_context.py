"""Services of a worker show no secret."""

from agents.shared.context import kafka_access
from tests.support.worker_fakes import settings

PASSWORD = "5ecret"  # noqa: S105 - of nothing


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
