"""Liquid environment with Segment's tags and filters, without loading and loops."""

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

from streams.mapping.liquid import disabled, tags
from streams.mapping.liquid.filters import FILTERS
from streams.mapping.liquid.limits import size_of
from streams.mapping.liquid.lookups import RenderingContext
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
    tags.AssignTag,
    tags.BlockTag,
    disabled.BreakTag,
    disabled.ContinueTag,
    tags.EchoTag,
    tags.IfTag,
    disabled.UnknownTag,
    tags.UnlessTag,
    tags.OutputTag,
    *(disabled.disabled_tag(name) for name in disabled.DISABLED_TAGS),
)


class _Template(BoundTemplate):
    context_class = RenderingContext


class _Environment(Environment):
    template_class = _Template
    suppress_blank_control_flow_blocks = False
    shorthand_indexes = True
    logical_not_operator = True

    def setup_tags_and_filters(self, *, extra: bool = False) -> None:
        """Register the tags and filters of this package instead of python-liquid's."""
        del extra
        for tag in _TAGS:
            self.add_tag(tag)
        for name, function in FILTERS.items():
            self.add_filter(name, _with_metering(function))


def _with_metering(function: Callable[..., Any]) -> Callable[..., Any]:
    """Charge a filter for input and output, and drop surplus arguments."""
    parameters = inspect.signature(function).parameters.values()
    positions = (
        sum(
            parameter.kind is parameter.POSITIONAL_OR_KEYWORD
            for parameter in parameters
        )
        - 1
    )
    keyword_names = {
        parameter.name
        for parameter in parameters
        if parameter.kind is parameter.KEYWORD_ONLY
    }

    @wraps(function)
    def call(
        value: Json, *arguments: Json, context: RenderingContext, **keys: Json
    ) -> Json:
        context.charge(
            size_of(value) + sum(size_of(argument) for argument in arguments)
        )
        keyword_arguments = {
            key: keyword_value
            for key, keyword_value in keys.items()
            if key in keyword_names
        }
        result = function(value, *arguments[:positions], **keyword_arguments)
        context.charge(size_of(result))
        return result

    call.with_context = True  # type: ignore[attr-defined] # python-liquid's mark
    return call


ENVIRONMENT: Final = _Environment(strict_filters=False)
"""Shared environment; an unknown filter changes nothing, as recorded."""
