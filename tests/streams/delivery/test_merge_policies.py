"""Merge policies for two items of one user."""

import msgspec
import pytest

from streams.actions.activation import BatchOverride
from streams.actions.intents import Deletion, Intent, ListAdd, ProfileUpsert
from streams.delivery.coalescer import MergePolicy
from streams.delivery.merge_policies import (
    keep_latest,
    keep_latest_consent,
    merge_profiles,
    never_merge,
)
from tests.support.queued_items import (
    add,
    event,
    queued_item,
    record_numbers,
    remove,
    subscribed,
    suppression,
    unsubscribed,
    upsert,
)

BOTH = ("email.marketing", "sms.marketing")
PHONE = {"phone_number": "+14155550132"}
EMAIL = {"email": "a@b.co"}


@pytest.mark.parametrize(
    ("older", "newer", "superseded"),
    [
        pytest.param(add(), remove(), True, id="in-then-out"),
        pytest.param(remove(), add(), True, id="out-then-in"),
        pytest.param(remove(), remove(), True, id="out-twice"),
        pytest.param(add(), add(external_id="u", title="Dr"), False, id="newer-tells"),
        pytest.param(
            add(external_id="u", title="Dr"),
            add(external_id="u", title="Dr"),
            True,
            id="both-tell-the-same",
        ),
        pytest.param(
            add(external_id="u", title="Dr"), remove(), False, id="told-then-out"
        ),
        pytest.param(
            add(external_id="u", title="Dr"), add(), False, id="told-then-in-again"
        ),
        pytest.param(
            add(external_id="u", **EMAIL), add(), False, id="named-better-at-first"
        ),
        pytest.param(
            msgspec.structs.replace(add(**EMAIL), previous_emails=("old@b.co",)),
            remove(**EMAIL),
            False,
            id="a-new-address-then-out",
        ),
        pytest.param(
            add(external_id="u", title="Dr"),
            add(external_id="u", city="Rome"),
            False,
            id="each-tells-something",
        ),
        pytest.param(
            add(**EMAIL), remove(external_id="u", **EMAIL), True, id="one-shared-name"
        ),
        pytest.param(add(**EMAIL), remove(**PHONE), False, id="no-shared-name"),
        pytest.param(
            add(anonymous_id="d", email="a@b.co"),
            add(anonymous_id="d", email="c@d.co"),
            False,
            id="two-people-behind-one-device",
        ),
        pytest.param(
            add(anonymous_id="d"), add(anonymous_id="d"), True, id="a-device-twice"
        ),
        pytest.param(
            add(anonymous_id="d"), remove(), False, id="a-device-then-somebody"
        ),
        pytest.param(
            ProfileUpsert(profile={"external_id": "u"}, list_id="L", unset=("plan",)),
            remove(),
            False,
            id="a-patch-then-out",
        ),
        pytest.param(
            remove(),
            ProfileUpsert(profile={"external_id": "u"}, list_id="L", unset=("plan",)),
            False,
            id="out-then-a-patch",
        ),
    ],
)
def test_the_last_word_on_a_list_is_sent_alone(
    older: Intent, newer: Intent, superseded: bool
) -> None:
    """Unless the older one says something else of the person, or is of another."""
    first, last = (
        queued_item(1, older, queued_s=3.0),
        queued_item(2, newer, queued_s=9.0),
    )

    joined = keep_latest(first, last)

    assert (joined is not None) is superseded
    if joined is not None:
        kept, pointless = joined
        assert (kept.activation, kept.records) == (last.activation, (2,))
        assert kept.queued_s == 3.0
        assert record_numbers(pointless) == [(1,)]


@pytest.mark.parametrize(
    ("join", "intent"), [(merge_profiles, upsert(**EMAIL)), (keep_latest, add(**EMAIL))]
)
def test_the_previous_addresses_of_either_update_are_kept(
    join: MergePolicy[int], intent: ProfileUpsert | ListAdd
) -> None:
    """The update that changed the address may be the one that is not sent."""
    change = msgspec.structs.replace(intent, previous_emails=("old@b.co",))

    for older, newer in ((change, intent), (intent, change)):
        joined = join(queued_item(1, older), queued_item(2, newer))
        assert joined is not None
        assert joined[0].activation.intent == change


def test_changes_of_one_audience_may_be_about_two_profiles() -> None:
    """An exit takes off a profile for each address that entered."""
    first = queued_item(1, remove("", **EMAIL), audience="vip")
    last = queued_item(2, remove("", **PHONE), audience="vip")

    assert keep_latest(first, last) is None
    assert keep_latest(first, first) is not None


@pytest.mark.parametrize("join", [keep_latest, merge_profiles, keep_latest_consent])
def test_what_is_batched_otherwise_goes_by_itself(join: object) -> None:
    """Two mappings that say so are not made one."""
    intents: dict[object, Intent] = {
        keep_latest: add(),
        merge_profiles: upsert(),
        keep_latest_consent: subscribed(),
    }
    first = queued_item(1, intents[join])
    last = queued_item(2, intents[join], batch=BatchOverride(items_max=1))

    assert callable(join)
    assert join(first, first) is not None
    assert join(first, last) is None


def test_two_upserts_become_one_that_sets_what_either_sets() -> None:
    """The newer wins; properties and location are joined too; codes are kept."""
    older = upsert(
        title="Dr",
        city="Rome",
        properties={"a": 1, "b": 1},
        location={"zip": "1", "city": "Rome"},
    )
    newer = upsert(title="Prof", properties={"b": 2, "c": 2}, location={"zip": "2"})
    older = msgspec.structs.replace(older, dropped=("bad-phone", "bad-zip"))
    newer = msgspec.structs.replace(newer, dropped=("bad-zip", "bad-image"))

    joined = merge_profiles(
        queued_item(1, older, queued_s=3.0), queued_item(2, newer, queued_s=9.0)
    )

    assert joined is not None
    kept, pointless = joined
    assert (kept.records, kept.queued_s, pointless) == ((1, 2), 3.0, [])
    assert kept.activation.time_ms == 2
    assert kept.activation.intent == msgspec.structs.replace(
        upsert(
            title="Prof",
            city="Rome",
            properties={"a": 1, "b": 2, "c": 2},
            location={"zip": "2", "city": "Rome"},
        ),
        dropped=("bad-phone", "bad-zip", "bad-image"),
    )


def test_properties_cleared_by_the_newer_are_not_brought_back() -> None:
    """Null clears; there is nothing to join it with."""
    joined = merge_profiles(
        queued_item(1, upsert(properties={"a": 1})),
        queued_item(2, upsert(properties=None)),
    )

    assert joined is not None
    assert joined[0].activation.intent == upsert(properties=None)


@pytest.mark.parametrize(
    ("older", "newer"),
    [
        pytest.param(
            ProfileUpsert(profile={"anonymous_id": "d", "email": "a@b.co"}),
            ProfileUpsert(profile={"anonymous_id": "d", "email": "c@d.co"}),
            id="two-people-behind-one-device",
        ),
        pytest.param(
            upsert(),
            ProfileUpsert(profile={"external_id": "u"}, append={"seen": "x"}),
            id="a-patch-is-newer",
        ),
        pytest.param(
            ProfileUpsert(profile={"external_id": "u"}, unappend={"seen": "x"}),
            upsert(),
            id="a-patch-is-older",
        ),
    ],
)
def test_upserts_that_are_not_made_one(
    older: ProfileUpsert, newer: ProfileUpsert
) -> None:
    """Both updates go, in order."""
    assert merge_profiles(queued_item(1, older), queued_item(2, newer)) is None


def test_one_device_s_upserts_are_one_while_nobody_is_named() -> None:
    """There is only the device to be about."""
    device = ProfileUpsert(profile={"anonymous_id": "d"})

    assert merge_profiles(queued_item(1, device), queued_item(2, device)) is not None


@pytest.mark.parametrize(
    ("older", "newer", "superseded"),
    [
        pytest.param(subscribed(), unsubscribed(), True, id="opposite"),
        pytest.param(subscribed(), subscribed(), True, id="the-same"),
        pytest.param(
            subscribed(),
            unsubscribed(*BOTH, profile={**EMAIL, **PHONE}),
            True,
            id="newer-has-more-channels",
        ),
        pytest.param(
            subscribed(*BOTH, profile={**EMAIL, **PHONE}),
            unsubscribed(profile={**EMAIL, **PHONE}),
            False,
            id="newer-has-fewer-channels",
        ),
        pytest.param(
            unsubscribed("sms.marketing", profile={**EMAIL, **PHONE}),
            subscribed(profile={**EMAIL, **PHONE}),
            False,
            id="another-channel",
        ),
        pytest.param(
            subscribed(list_id="L"), unsubscribed(list_id="L"), True, id="one-list"
        ),
        pytest.param(
            subscribed(list_id="L"), unsubscribed(list_id="M"), False, id="other-list"
        ),
        pytest.param(
            subscribed(list_id="L"), unsubscribed(), False, id="of-a-list-then-global"
        ),
        pytest.param(
            subscribed(),
            unsubscribed(profile={"email": "c@d.co"}),
            False,
            id="two-addresses",
        ),
        pytest.param(
            subscribed(profile={**EMAIL, **PHONE}),
            unsubscribed(),
            False,
            id="an-address-fewer",
        ),
        pytest.param(
            subscribed("push.marketing", push_tokens=({"token": "1"},)),
            subscribed("push.marketing", push_tokens=({"token": "2"},)),
            False,
            id="the-token-of-another-device",
        ),
        pytest.param(subscribed(), suppression(), False, id="a-suppression-behind"),
        pytest.param(suppression(), subscribed(), False, id="a-suppression-before"),
    ],
)
def test_a_consent_is_superseded_by_one_that_speaks_of_all_of_it(
    older: Intent, newer: Intent, superseded: bool
) -> None:
    """Otherwise both are sent, in order."""
    joined = keep_latest_consent(
        queued_item(1, older, queued_s=3.0), queued_item(2, newer)
    )

    assert (joined is not None) is superseded
    if joined is not None:
        assert (joined[0].records, joined[0].queued_s) == ((2,), 3.0)
        assert record_numbers(joined[1]) == [(1,)]


@pytest.mark.parametrize(
    "intent",
    [
        pytest.param(event("1"), id="event"),
        pytest.param(Deletion(identifiers={"email": "a@b.co"}), id="deletion"),
    ],
)
def test_what_counts_each_time_is_never_joined(intent: Intent) -> None:
    """Not even with itself."""
    assert never_merge(queued_item(1, intent), queued_item(2, intent)) is None
