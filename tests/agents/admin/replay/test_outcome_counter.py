"""What a replay waits for: the origins that this run of it has taken in."""

from agents.admin.outcome_reader import OutcomeReader
from agents.admin.replay.outcome_counter import OutcomeCounter
from streams.delivery.outcome import OutcomeItem
from streams.delivery.verdict import Verdict
from streams.events.origin import Origin


class FakeOutcomeReader(OutcomeReader):
    """Gives what a test lets end."""

    def __init__(self) -> None:
        self._new_outcomes: list[OutcomeItem] = []

    def complete(self, *origins: Origin) -> None:
        """Give each an outcome."""
        self._new_outcomes += [
            OutcomeItem(origin=origin, verdict=Verdict.DELIVERED) for origin in origins
        ]

    def read_new(self, *, wait_s: float = 0.0) -> list[OutcomeItem]:
        """See `Endings`."""
        del wait_s
        new_outcomes, self._new_outcomes = self._new_outcomes, []
        return new_outcomes


def _origin(offset: int) -> Origin:
    return Origin(topic="source", partition=0, offset=offset)


def test_an_origin_with_several_records_and_outcomes_is_one() -> None:
    """Two activations of an order, and two actions of one of them."""
    endings = FakeOutcomeReader()
    tally = OutcomeCounter(endings)

    tally.add([_origin(1), _origin(1), _origin(2)])
    endings.complete(_origin(1), _origin(1), _origin(1))
    tally.read()

    assert (tally.completed, tally.pending_count) == (1, 1)
    assert tally.counts == {"delivered": 3}


def test_what_an_earlier_run_took_in_is_not_waited_for() -> None:
    """It ends after `--resume`, and is none of those of this run."""
    endings = FakeOutcomeReader()
    tally = OutcomeCounter(endings)

    tally.add([_origin(3)])
    endings.complete(_origin(1), _origin(2))
    tally.read()

    assert (tally.completed, tally.pending_count) == (0, 1)


def test_an_origin_that_comes_again_after_its_end_is_waited_for_again() -> None:
    """Its second record has an outcome of its own."""
    endings = FakeOutcomeReader()
    tally = OutcomeCounter(endings)
    tally.add([_origin(1)])
    endings.complete(_origin(1))
    tally.read()

    tally.add([_origin(1)])

    assert tally.pending_count == 1
