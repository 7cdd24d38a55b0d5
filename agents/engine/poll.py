"""What one fetch brought, by partition."""

from collections.abc import Iterable, Sequence

from agents.engine.kafka import Record
from agents.engine.partition import Partition


class Poll:
    """Groups of records, each of one partition."""

    def __init__(self, groups: Sequence[tuple[Partition, list[Record]]]) -> None:
        self._groups = groups

    def begin(self) -> list[tuple[Partition, list[Record]]]:
        """The groups still owned; their partitions stay open until `end`."""
        live = [(part, records) for part, records in self._groups if part.live]
        for part, _ in live:
            part.hold()
        return live

    @staticmethod
    def end(groups: Iterable[tuple[Partition, list[Record]]]) -> None:
        """Every record of these groups has its outcome, durably."""
        for part, records in groups:
            part.done([record.offset for record in records])
            part.release()
