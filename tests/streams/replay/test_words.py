"""The memberships table by list."""

from streams.actions.commands import newest
from streams.actions.intents import ListAdd, ListRemove
from streams.audiences.membership import Membership
from streams.audiences.pairing import Pairing, encode
from streams.audiences.row import Memberships
from streams.destination.model import AudienceRule, Destination
from streams.events.model import CanonicalEvent
from streams.events.origin import Origin
from streams.replay.words import Listed, Target, Words, about
from tests.streams.actions.commanding import at as event_at
from tests.streams.actions.commanding import consent

PAIRED = {b"vip": encode(Pairing(list_id="L1"))}


def said(
    *, inside: bool = True, at: int = 1, list_id: str = "", offset: int = 0
) -> Membership:
    """Make a word of an audience."""
    return Membership(
        inside=inside,
        time_ms=at,
        origin=Origin(topic="s", partition=0, offset=offset),
        list_id=list_id,
    )


def words(
    rows: dict[str, Memberships], **rules: AudienceRule
) -> dict[str, dict[str, tuple[str, str, bool]]]:
    """Give list -> user -> audience, named list and whether inside."""
    destination = Destination(mappings=(), audiences=rules)
    found = Listed(destination, PAIRED).words(rows)
    return {
        target.list_id: {w.user: (w.audience, w.named, w.inside) for w in told.values()}
        for target, told in found.items()
    }


def test_the_event_names_the_list_before_the_settings_and_they_before_the_pairing() -> (
    None
):
    """What names it goes along, so that the lane means the same list."""
    rows: dict[str, Memberships] = {
        "event": {"vip": said(list_id="L9")},
        "paired": {"vip": said()},
        "settings": {"chosen": said()},
        "both": {"chosen": said(list_id="L8")},
        "none": {"new": said()},
    }

    assert words(rows, chosen=AudienceRule(list_id="L2")) == {
        "L9": {"event": ("vip", "L9", True)},
        "L1": {"paired": ("vip", "", True)},
        "L2": {"settings": ("chosen", "L2", True)},
        "L8": {"both": ("chosen", "L8", True)},
        "": {"none": ("new", "", True)},
    }


def test_of_two_audiences_with_one_list_the_last_word_counts() -> None:
    """An exit from one takes off whom the other put there, as it did live."""
    rules = {name: AudienceRule(list_id="L2") for name in ("a", "b")}
    rows: dict[str, Memberships] = {
        "in": {"a": said(inside=False, at=1), "b": said(at=2)},
        "out": {"a": said(inside=False, at=2), "b": said(at=1)},
    }

    assert words(rows, **rules) == {
        "L2": {"in": ("b", "L2", True), "out": ("a", "L2", False)}
    }


def test_audiences_without_a_list_keep_their_words_apart() -> None:
    """Each will have a list of its own: whoever is in both is on both."""
    rows: dict[str, Memberships] = {
        "u": {"a": said(at=1), "b": said(at=2), "c": said(inside=False, at=3)},
        "v": {"a": said(at=1)},
    }

    found = Listed(Destination(mappings=()), {}).words(rows)

    assert {target: set(told) for target, told in found.items()} == {
        Target(audience="a"): {"u", "v"},
        Target(audience="b"): {"u"},
        Target(audience="c"): {"u"},
    }


def test_with_the_sync_of_audiences_off_nobody_says_anything() -> None:
    """What the table has of them was heard before it was switched off."""
    off = Destination(mappings=(), sync_audiences=False)

    assert Listed(off, PAIRED).words({"u": {"vip": said()}}) == {}


def test_an_audience_that_is_not_synced_says_nothing() -> None:
    """Nothing of it goes to Klaviyo."""
    assert words({"u": {"vip": said()}}, vip=AudienceRule(enabled=False)) == {}


def _commanded(row: Memberships, *, at: int, list_id: str) -> Memberships:
    event = CanonicalEvent(
        kind="track",
        user="u",
        message_id="",
        time_ms=at,
        origin=Origin(topic="s", partition=0, offset=99),
        body={},
    )
    add = ListAdd(list_id=list_id, profile={"external_id": "u", "email": "u@x.io"})
    off = ListRemove(list_id=list_id, identifiers={"email": "u@x.io"})
    row = newest(add, row, event=event).row
    return newest(off, row, event=event).row


def test_a_later_command_of_a_mapping_leaves_the_audience_without_a_word() -> None:
    """On that list; on another it says nothing, and an earlier one neither."""
    rows = {
        "later": _commanded({"vip": said(inside=False, at=5)}, at=6, list_id="L1"),
        "earlier": _commanded({"vip": said(inside=False, at=5)}, at=4, list_id="L1"),
        "other": _commanded({"vip": said(inside=False, at=5)}, at=6, list_id="L11"),
    }

    assert words(rows).get("L1", {}).keys() == {"earlier", "other"}


def _consented(at: int, *, given: bool, list_id: str) -> Memberships:
    change = consent(given=given, list_id=list_id)
    return newest(change, {"vip": said(at=5)}, event=event_at(at)).row


def test_a_later_consent_on_the_list_leaves_the_audience_without_a_word() -> None:
    """Whoever left the list, or all, is not put back; a subscriber is not taken off."""
    rows = {
        "left": _consented(6, given=False, list_id="L1"),
        "left-all": _consented(6, given=False, list_id=""),
        "joined": _consented(6, given=True, list_id="L1"),
        "joined-no-list": _consented(6, given=True, list_id=""),
        "earlier": _consented(4, given=False, list_id="L1"),
    }

    assert words(rows).get("L1", {}).keys() == {"joined-no-list", "earlier"}


def test_words_about_some_audiences() -> None:
    """All where none is named."""
    rules = {name: AudienceRule(list_id="L2") for name in ("a", "b")}
    rows = {"u": {"a": said()}, "v": {"b": said()}}
    listed = Listed(Destination(mappings=(), audiences=rules), {})
    found = listed.words(rows)[Target(list_id="L2")]

    def kept(*audiences: str) -> Words:
        return about(found, audiences)

    assert [kept().keys(), kept("a").keys(), kept("c").keys()] == [
        {"u", "v"},
        {"u"},
        set(),
    ]
