"""Repairs of differences, as activations for the activate stage and the lanes."""

from collections.abc import Iterator

from streams.actions.activation import Activation
from streams.actions.intents import Intent, ListAdd, ListRemove
from streams.destination.decide import ADD_TO_LIST, REMOVE_FROM_LIST
from streams.reconcile.comparison import Differences, MissingMember, UnexpectedMember
from streams.reconcile.desired_memberships import DesiredMembership


def build_repairs(differences: Differences) -> Iterator[Activation]:
    """Build the list change of each difference, and no other action."""
    yield from map(_build_add, differences.missing)
    yield from map(_build_removal, differences.unexpected)


def _build_add(difference: MissingMember) -> Activation:
    intent = ListAdd(
        list_id=difference.desired.explicit_list_id, profile={**difference.identifiers}
    )
    return _build_activation(difference.desired, ADD_TO_LIST, intent)


def _build_removal(difference: UnexpectedMember) -> Activation:
    """Build the removal of a member, by the identifiers that Klaviyo has."""
    identifiers = difference.member.identifiers
    return _build_activation(
        difference.desired,
        REMOVE_FROM_LIST,
        ListRemove(
            list_id=difference.desired.explicit_list_id, identifiers=identifiers
        ),
    )


def _build_activation(
    desired: DesiredMembership, action: str, intent: Intent
) -> Activation:
    message_ids = desired.last_write.message_ids
    return Activation(
        action=action,
        user=desired.user,
        intent=intent,
        time_ms=desired.last_write.time_ms,
        origin=desired.last_write.origin,
        message_id=message_ids[0] if len(message_ids) == 1 else "",
        audience=desired.audience,
    )
