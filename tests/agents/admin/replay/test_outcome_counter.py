"""The outcome counter waits for the origins that one run has published."""

from agents.admin.outcome_reader import OutcomeReader
from agents.admin.replay.outcome_counter import OutcomeCounter
from streams.delivery.outcome import OutcomeItem
from streams.delivery.verdict import Verdict
from streams.events.canonical_event import Origin


class FakeOutcomeReader(OutcomeReader):
    """Outcome reader whose outcomes come from the test."""

    def __init__(self) -> None:
        self._new_outcomes: list[OutcomeItem] = []

    def complete(self, *origins: Origin) -> None:
        """Add an outcome for each origin."""
        self._new_outcomes += [
            OutcomeItem(origin=origin, verdict=Verdict.DELIVERED) for origin in origins
        ]

    def read_new(self, *, wait_s: float = 0.0) -> list[OutcomeItem]:
        """See the same method of `OutcomeReader`."""
        del wait_s
        new_outcomes, self._new_outcomes = self._new_outcomes, []
        return new_outcomes


def _origin(offset: int) -> Origin:
    return Origin(topic="source", partition=0, offset=offset)


def test_an_origin_with_several_records_counts_once() -> None:
    """An order has two activations, and one of the activations has two outcomes."""
    outcomes = FakeOutcomeReader()
    counter = OutcomeCounter(outcomes)

    counter.add([_origin(1), _origin(1), _origin(2)])
    outcomes.complete(_origin(1), _origin(1), _origin(1))
    counter.read()

    assert (counter.completed, counter.pending_count) == (1, 1)
    assert counter.counts == {"delivered": 3}


def test_records_of_an_earlier_run_are_not_counted() -> None:
    """Outcomes of records from before `--resume` do not count for this run."""
    outcomes = FakeOutcomeReader()
    counter = OutcomeCounter(outcomes)

    counter.add([_origin(3)])
    outcomes.complete(_origin(1), _origin(2))
    counter.read()

    assert (counter.completed, counter.pending_count) == (0, 1)


def test_an_origin_published_again_is_pending_again() -> None:
    """The second record gets an outcome of its own."""
    outcomes = FakeOutcomeReader()
    counter = OutcomeCounter(outcomes)
    counter.add([_origin(1)])
    outcomes.complete(_origin(1))
    counter.read()

    counter.add([_origin(1)])

    assert counter.pending_count == 1
