"""What one fetch brought, by partition."""

from collections.abc import Iterable, Sequence

from agents.engine.kafka import Record
from agents.engine.partition import Partition


class RecordBatch:
    """Groups of records, each of one partition."""

    def __init__(self, groups: Sequence[tuple[Partition, list[Record]]]) -> None:
        self._groups = groups

    def start(self) -> list[tuple[Partition, list[Record]]]:
        """The groups still owned; their partitions stay open until `end`."""
        active = [(part, records) for part, records in self._groups if part.is_active]
        for part, _ in active:
            part.hold()
        return active

    @staticmethod
    def finish(groups: Iterable[tuple[Partition, list[Record]]]) -> None:
        """Every record of these groups has its outcome, durably."""
        for part, records in groups:
            part.mark_done([record.offset for record in records])
            part.release()
