"""Runner that publishes the records of a replay behind the live records."""

import time
from collections.abc import Callable
from typing import Final, NamedTuple

import msgspec

from agents.admin.publisher import RecordPublisher
from agents.admin.replay.lag import LagReader
from agents.admin.replay.outcome_counter import OutcomeCounter
from agents.admin.replay.selector import RecordSelector
from agents.admin.replay.store import ReplayStore
from agents.admin.replay.topic_range import TopicRange
from streams.replay.state import ReplayState, ReplayStatus
from streams.replay.token_bucket import ReplayBucket, consume, refill

MAX_READ_RECORDS: Final = 2_000
TICK_S: Final = 0.05
LAG_EVERY_S: Final = 0.5
SAVE_EVERY_S: Final = 2.0


class ReplayProgress(NamedTuple):
    """Progress of a replay that runs.

    Attributes:
        state: State of the replay.
        per_s: Offsets read per second since the start or the resume.
        group: Consumer group with the largest lag.
        lag: Largest lag.
    """

    state: ReplayState
    per_s: float
    group: str
    lag: int


class ReplayRunner:
    """Runner of a replay, at the rate that a token bucket allows.

    Args:
        state: State to start or resume from.
        topic_range: Reads the records of the range.
        selector: Selects and converts the records.
        publisher: Publishes the records.
        store: Stores the progress, and the request to stop.
        lag_reader: Reads the lag of the stages.
        outcomes: Counts the outcomes of the published records.
    """

    def __init__(  # noqa: PLR0913 - the parts that a command assembles
        self,
        state: ReplayState,
        *,
        topic_range: TopicRange,
        selector: RecordSelector,
        publisher: RecordPublisher,
        store: ReplayStore,
        lag_reader: LagReader,
        outcomes: OutcomeCounter,
    ) -> None:
        self.state = state
        self._topic_range = topic_range
        self._selector = selector
        self._publisher = publisher
        self._store = store
        self._lag_reader = lag_reader
        self._outcomes = outcomes
        self._lagging_group, self._largest_lag = "", 0
        self._lag_read_s = self._saved_s = float("-inf")

    def run(
        self, bucket: ReplayBucket, *, report: Callable[[ReplayProgress], None]
    ) -> ReplayState:
        """Publish records until the range ends or an operator stops the replay.

        Args:
            bucket: Limits the rate, and pauses the replay while the lag is large.
            report: Receives the progress, many times per second.

        Returns:
            The last state.
        """
        self._topic_range.start(self.state.bounds, self.state.positions)
        started_s, remaining_at_start = time.monotonic(), self.state.remaining
        bucket = msgspec.structs.replace(bucket, refilled_s=started_s)
        while not self._topic_range.is_finished:
            bucket = self._refill(bucket)
            if self._save_and_check_stopped():
                return self._save(ReplayStatus.STOPPED)
            if bucket.tokens < 1:
                time.sleep(TICK_S)
            else:
                bucket = consume(bucket, self._publish_next(int(bucket.tokens)))
            elapsed_s = time.monotonic() - started_s
            per_s = (
                (remaining_at_start - self.state.remaining) / elapsed_s
                if elapsed_s
                else 0.0
            )
            report(
                ReplayProgress(
                    self.state, per_s, self._lagging_group, self._largest_lag
                )
            )
        return self._save(ReplayStatus.PUBLISHED)

    def _refill(self, bucket: ReplayBucket) -> ReplayBucket:
        now_s = time.monotonic()
        if now_s - self._lag_read_s >= LAG_EVERY_S:
            self._lagging_group, self._largest_lag = self._lag_reader.read_largest()
            self._lag_read_s = now_s
        return refill(bucket, now_s=now_s, lag=self._largest_lag)

    def _publish_next(self, max_records: int) -> int:
        """Read and publish the next records; return how many tokens to consume."""
        messages = self._topic_range.read(min(max_records, MAX_READ_RECORDS))
        selected = [
            selection
            for selection in map(self._selector.select, messages)
            if selection is not None
        ]
        self._publisher.publish([message for message, _ in selected])
        self._outcomes.add(preview.origin for _, preview in selected)
        self.state = msgspec.structs.replace(
            self.state,
            positions=dict(self._topic_range.positions),
            records_read=self.state.records_read + len(messages),
            records_published=self.state.records_published + len(selected),
            unreadable=self._selector.unreadable,
        )
        return len(selected)

    def _save_and_check_stopped(self) -> bool:
        """Save the state every 2 s; return True if an operator stopped the replay."""
        now_s = time.monotonic()
        if now_s - self._saved_s < SAVE_EVERY_S:
            return False
        self._saved_s = now_s
        self._save(ReplayStatus.RUNNING)
        return self._store.is_stopped(self.state.id)

    def _save(self, status: ReplayStatus) -> ReplayState:
        self.state = msgspec.structs.replace(self.state, status=status)
        self._store.save(self.state)
        return self.state
