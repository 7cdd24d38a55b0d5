"""Which question or order under `/sandbox/` is answered by what."""

from collections.abc import Mapping

from streams.sandbox import inspection, seeding
from streams.sandbox.calls import Json
from streams.sandbox.errors import Refusal, not_found
from streams.sandbox.inspection import Answerer, Ask
from streams.sandbox.world import World

ANSWERS: Mapping[tuple[str, str], Answerer] = {
    ("GET", "state"): inspection.state,
    ("GET", "lists"): inspection.lists,
    ("GET", "profiles"): inspection.profiles,
    ("GET", "events"): inspection.events,
    ("GET", "consent"): inspection.consent,
    ("GET", "requests"): inspection.requests,
    ("GET", "changes"): inspection.changes,
    ("GET", "faults"): inspection.show_faults,
    ("POST", "faults"): inspection.add_fault,
    ("DELETE", "faults"): inspection.end_faults,
    ("POST", "reset"): inspection.reset,
    ("DELETE", "lists"): inspection.delete_list,
    ("POST", "profiles"): seeding.seed_profiles,
    ("POST", "lists"): seeding.seed_lists,
    ("POST", "consent"): seeding.seed_consent,
    ("POST", "confirm"): seeding.confirm,
    ("POST", "metrics"): seeding.seed_metrics,
    ("POST", "flows"): seeding.seed_flows,
}
"""Method and topic to what answers."""


def answer(world: World, ask: Ask, method: str, topic: str) -> Json | list[Json]:
    """Answer one question or order.

    Raises:
        Refusal: 404 for an unknown one, or what the answerer refuses.
    """
    answerer = ANSWERS.get((method, topic))
    if answerer is None:
        raise Refusal([not_found("question", f"{method} /sandbox/{topic}")])
    return answerer(world, ask)
