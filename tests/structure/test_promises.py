"""Promises of `streams/README.md` that a look at the code shows."""

from tests.structure.source import modules


def test_no_client_describes_a_consumer_group() -> None:
    """Kafka's client aborts the process if the coordinator goes away meanwhile."""
    describing = [
        module.name
        for module in modules("agents", "streams")
        if "describe_consumer_groups" in dict(module.identifiers())
    ]

    assert not describing
