"""Translation of positions in a request to positions in a larger batch."""

from collections.abc import Sequence

import msgspec

from streams.klaviyo.api.results import FinalResult, NotFound, Rejected


def translate_positions(result: FinalResult, positions: Sequence[int]) -> FinalResult:
    """Return a result with reasons by position in the larger batch.

    Args:
        result: Result of the request.
        positions: For each entry of the request, its position in the larger batch;
            reasons about other entries are dropped.
    """
    if not isinstance(result, Rejected | NotFound):
        return result
    reasons = {
        positions[entry]: reason
        for entry, reason in result.item_reasons.items()
        if entry < len(positions)
    }
    return msgspec.structs.replace(result, item_reasons=reasons)
