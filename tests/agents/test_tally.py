"""What a replay waits for: the origins that this run of it has taken in."""

from agents.endings import Endings
from agents.replaying.tally import Tally
from streams.delivery.outcome import OutcomeItem
from streams.delivery.verdict import Verdict
from streams.events.origin import Origin


class FakeEndings(Endings):
    """Gives what a test lets end."""

    def __init__(self) -> None:
        self._ended: list[OutcomeItem] = []

    def end(self, *origins: Origin) -> None:
        """Give each an outcome."""
        self._ended += [
            OutcomeItem(origin=origin, verdict=Verdict.DELIVERED) for origin in origins
        ]

    def read(self, *, wait_s: float = 0.0) -> list[OutcomeItem]:
        """See `Endings`."""
        del wait_s
        ended, self._ended = self._ended, []
        return ended


def _at(offset: int) -> Origin:
    return Origin(topic="source", partition=0, offset=offset)


def test_an_origin_with_several_records_and_outcomes_is_one() -> None:
    """Two activations of an order, and two actions of one of them."""
    endings = FakeEndings()
    tally = Tally(endings)

    tally.took_in([_at(1), _at(1), _at(2)])
    endings.end(_at(1), _at(1), _at(1))
    tally.read()

    assert (tally.ended, tally.left) == (1, 1)
    assert tally.counts == {"delivered": 3}


def test_what_an_earlier_run_took_in_is_not_waited_for() -> None:
    """It ends after `--resume`, and is none of those of this run."""
    endings = FakeEndings()
    tally = Tally(endings)

    tally.took_in([_at(3)])
    endings.end(_at(1), _at(2))
    tally.read()

    assert (tally.ended, tally.left) == (0, 1)


def test_an_origin_that_comes_again_after_its_end_is_waited_for_again() -> None:
    """Its second record has an outcome of its own."""
    endings = FakeEndings()
    tally = Tally(endings)
    tally.took_in([_at(1)])
    endings.end(_at(1))
    tally.read()

    tally.took_in([_at(1)])

    assert tally.left == 1
