"""Differences made activations: activate judges each, its lane carries it out."""

from collections.abc import Iterator

from streams.actions.activation import Activation
from streams.actions.intents import Intent, ListAdd, ListRemove
from streams.destination.decide import ADD, REMOVE
from streams.replay.reconcile import Differences, Missing, Unexpected
from streams.replay.words import Word


def repairs(differences: Differences) -> Iterator[Activation]:
    """Make the activations: nothing else that a source record caused is repeated."""
    yield from map(_added, differences.missing)
    yield from map(_removed, differences.unexpected)


def _added(one: Missing) -> Activation:
    intent = ListAdd(list_id=one.word.named, profile={**one.identifiers})
    return _activation(one.word, ADD, intent)


def _removed(one: Unexpected) -> Activation:
    """Take off whom Klaviyo has there, by its own words."""
    identifiers = one.member.identifiers
    return _activation(
        one.word, REMOVE, ListRemove(list_id=one.word.named, identifiers=identifiers)
    )


def _activation(word: Word, action: str, intent: Intent) -> Activation:
    message_ids = word.membership.message_ids
    return Activation(
        action=action,
        user=word.user,
        intent=intent,
        time_ms=word.membership.time_ms,
        origin=word.membership.origin,
        message_id=message_ids[0] if len(message_ids) == 1 else "",
        audience=word.audience,
    )
