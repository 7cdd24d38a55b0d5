"""The environment: Segment's tags and filters, and nothing that loads or loops."""

import inspect
from collections.abc import Callable
from functools import wraps
from typing import Any, Final

from liquid import BoundTemplate, Environment, Tag
from liquid.builtin import content
from liquid.builtin.tags import (
    capture_tag,
    comment_tag,
    cycle_tag,
    decrement_tag,
    increment_tag,
    inline_comment_tag,
    liquid_tag,
)

from streams.mapping.liquids import refused, tags
from streams.mapping.liquids.filters import FILTERS
from streams.mapping.liquids.limits import size_of
from streams.mapping.liquids.lookups import Rendering
from streams.mapping.values import Json

_TAGS: Final[tuple[type[Tag], ...]] = (
    content.Literal,
    capture_tag.CaptureTag,
    comment_tag.CommentTag,
    cycle_tag.CycleTag,
    decrement_tag.DecrementTag,
    increment_tag.IncrementTag,
    inline_comment_tag.InlineCommentTag,
    liquid_tag.LiquidTag,
    tags.Assign,
    tags.Block,
    refused.Break,
    refused.Continue,
    tags.Echo,
    tags.If,
    refused.Unknown,
    tags.Unless,
    tags.Written,
    *(refused.disabled(name) for name in refused.DISABLED_TAGS),
)


class _Template(BoundTemplate):
    context_class = Rendering


class _Environment(Environment):
    template_class = _Template
    suppress_blank_control_flow_blocks = False
    shorthand_indexes = True
    logical_not_operator = True

    def setup_tags_and_filters(self, *, extra: bool = False) -> None:
        """Register ours instead of python-liquid's."""
        del extra
        for tag in _TAGS:
            self.add_tag(tag)
        for name, function in FILTERS.items():
            self.add_filter(name, _metered(function))


def _metered(function: Callable[..., Any]) -> Callable[..., Any]:
    """Charge a filter for what it takes and makes; drop arguments it has not."""
    parameters = inspect.signature(function).parameters.values()
    positions = sum(one.kind is one.POSITIONAL_OR_KEYWORD for one in parameters) - 1
    named = {one.name for one in parameters if one.kind is one.KEYWORD_ONLY}

    @wraps(function)
    def call(value: Json, *given: Json, context: Rendering, **keys: Json) -> Json:
        context.charge(size_of(value) + sum(size_of(one) for one in given))
        known = {key: held for key, held in keys.items() if key in named}
        if "clock" in named:
            known["clock"] = context.tag_namespace.get("clock")
        made = function(value, *given[:positions], **known)
        context.charge(size_of(made))
        return made

    call.with_context = True  # type: ignore[attr-defined] # python-liquid's mark
    return call


ENVIRONMENT: Final = _Environment(strict_filters=False)
"""The one environment; a filter it does not know changes nothing, as recorded."""
