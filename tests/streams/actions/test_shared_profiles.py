"""Tests of the users behind an edge: which list change is delivered, and what stays."""

import pytest

from streams.actions.activation import Activation
from streams.actions.intents import Deletion, Intent, ListAdd, ListRemove
from streams.actions.shared_profiles import apply_claim, edge_key
from streams.events.canonical_event import Origin, ReplayMode
from streams.state.entries import LastWrite
from streams.state.user_entries import UserEntries
from streams.state.user_state import UserState

ADD = ListAdd(list_id="", profile={"email": "a@b.co"})
REMOVAL = ListRemove(list_id="", identifiers={"email": "a@b.co"})
ADD_TO_L1 = ListAdd(list_id="L1", profile={"email": "a@b.co"})
REMOVAL_FROM_L1 = ListRemove(list_id="L1", identifiers={"email": "a@b.co"})
ORIGIN = Origin(topic="t", partition=0, offset=7)
END = Deletion(identifiers={})


def _write(time_ms: int, *, inside: bool, list_id: str = "") -> LastWrite:
    return LastWrite(inside=inside, time_ms=time_ms, origin=ORIGIN, list_id=list_id)


IN, OUT = _write(5, inside=True), _write(5, inside=False)
IN_L1 = _write(5, inside=True, list_id="L1")


@pytest.mark.parametrize(
    ("holders", "intent", "time_ms", "mode", "outcome"),
    [
        pytest.param({}, ADD, 6, None, (True, ""), id="first-add"),
        pytest.param({"bob": IN}, ADD, 6, None, (True, ""), id="second-add"),
        pytest.param({"ada": IN}, ADD, 6, None, (True, ""), id="add-again"),
        pytest.param({}, REMOVAL, 6, None, (True, ""), id="nobody-was-seen"),
        pytest.param({"ada": IN}, REMOVAL, 6, None, (True, ""), id="last-removal"),
        pytest.param(
            {"ada": IN, "bob": OUT}, REMOVAL, 6, None, (True, ""), id="other-is-outside"
        ),
        pytest.param(
            {"ada": IN, "bob": IN},
            REMOVAL,
            6,
            None,
            (False, "unchanged: shared"),
            id="other-is-inside",
        ),
        pytest.param(
            {"ada": IN_L1, "bob": IN},
            REMOVAL_FROM_L1,
            6,
            None,
            (True, ""),
            id="other-is-on-another-list",
        ),
        pytest.param(
            {"ada": IN, "bob": IN},
            ListRemove(list_id="L0", identifiers={}),
            6,
            None,
            (False, "unchanged: shared"),
            id="list-of-the-file-is-the-audience's",
        ),
        pytest.param({"ada": OUT}, ADD, 4, None, (False, "stale"), id="late-add"),
        pytest.param({"ada": IN}, REMOVAL, 4, None, (False, "stale"), id="late-exit"),
        pytest.param({"ada": IN}, ADD, 5, None, (False, "duplicate"), id="duplicate"),
        pytest.param(
            {"ada": OUT},
            REMOVAL,
            5,
            None,
            (False, "duplicate"),
            id="duplicate-of-a-removal",
        ),
        pytest.param(
            {"ada": IN}, ADD, 5, ReplayMode.RESEND, (True, ""), id="sent-again"
        ),
        pytest.param(
            {"ada": OUT, "bob": IN},
            REMOVAL,
            5,
            ReplayMode.RESEND,
            (False, "unchanged: shared"),
            id="sent-again-while-another-is-inside",
        ),
        pytest.param(
            {"ada": IN}, REMOVAL, 5, ReplayMode.CHANGES_ONLY, (True, ""), id="corrected"
        ),
        pytest.param({}, ADD, 6, ReplayMode.STATE_ONLY, (False, ""), id="rebuilt"),
        pytest.param({"ada": IN}, END, 6, None, (False, ""), id="end-of-the-user"),
    ],
)
def test_what_becomes_of_a_list_change(
    holders: dict[str, LastWrite],
    intent: Intent,
    time_ms: int,
    mode: ReplayMode | None,
    outcome: tuple[bool, str],
) -> None:
    """A stale change and a duplicate change nothing; others are the last write."""
    edge = UserState(stored=UserEntries(holders=holders))

    result = apply_claim(
        _claim(intent, time_ms), edge, mode=mode, audience_list_id="L0"
    )

    assert (result.is_delivered, result.reason) == outcome
    is_ignored = outcome[1] in {"stale", "duplicate"}
    assert (result.state is edge) == is_ignored
    others = {user: write for user, write in holders.items() if user != "ada"}
    assert {**result.state.holders, "ada": None} == {**others, "ada": None}
    if not is_ignored and intent != END:
        after = result.state.holders["ada"]
        assert (after.inside, after.time_ms) == (isinstance(intent, ListAdd), time_ms)
        assert after.list_id == ("L1" if "L1" in str(intent) else "")


def test_a_correction_is_the_later_of_two_writes_of_the_same_event() -> None:
    """Or a recovery could bring the first one back."""
    edge = UserState(stored=UserEntries(holders={"ada": IN}))
    mode = ReplayMode.CHANGES_ONLY

    result = apply_claim(_claim(REMOVAL, 5), edge, mode=mode, audience_list_id="")

    after = result.state.holders["ada"]
    assert IN.merge(after) == after.merge(IN) == after


@pytest.mark.parametrize(("time_ms", "is_known"), [(4, True), (5, True), (6, False)])
def test_the_end_of_a_user_removes_what_is_older(
    time_ms: int, *, is_known: bool
) -> None:
    """A user who was deleted may have entered again since."""
    edge = UserState(stored=UserEntries(holders={"ada": IN, "bob": IN}))

    result = apply_claim(_claim(END, time_ms), edge, mode=None, audience_list_id="")

    assert result.state.holders.keys() == ({"ada", "bob"} if is_known else {"bob"})


def test_an_edge_is_named_by_audience_and_address_and_shows_neither() -> None:
    """The key stays on topics when the address must not."""
    keys = {edge_key(one, of) for one in ("vip", "new") for of in ("a@b.co", "c@d.co")}

    assert len(keys) == 4
    assert not any("vip" in key or "a@b.co" in key for key in keys)


def _claim(intent: Intent, time_ms: int) -> Activation:
    return Activation(
        action="x",
        user="ada",
        intent=intent,
        time_ms=time_ms,
        origin=ORIGIN,
        audience="vip",
        edge="edge:1",
    )
