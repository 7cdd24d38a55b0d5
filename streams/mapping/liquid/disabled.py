"""Tags and filters that Segment disables, and tags that end the output."""

from typing import Final, NoReturn, TextIO

from liquid import RenderContext, Tag, TokenStream
from liquid.ast import Node
from liquid.builtin import illegal
from liquid.exceptions import LiquidSyntaxError, StopRender
from liquid.token import TOKEN_TAG

DISABLED_TAGS: Final = ("case", "for", "include", "layout", "render", "tablerow")
"""Tags that Segment's mapping kit rejects."""

DISABLED_FILTERS: Final = frozenset(
    {
        "array_to_sentence_string",
        "concat",
        "find",
        "find_exp",
        "find_index",
        "find_index_exp",
        "group_by",
        "group_by_exp",
        "has",
        "has_exp",
        "map",
        "newline_to_br",
        "reject",
        "reject_exp",
        "reverse",
        "sort",
        "sort_natural",
        "uniq",
        "where_exp",
        "type",
    }
)
"""Filters that Segment's mapping kit rejects."""


class _StopNode(Node):
    """Node that ends the output: the effect of a break outside a loop."""

    def render_to_output(self, context: RenderContext, buffer: TextIO) -> int:
        """End the output at this node."""
        del context, buffer
        raise StopRender


class BreakTag(Tag):
    """Tag `{% break %}`: ends the output because there are no loops."""

    name = "break"
    block = False

    def parse(self, stream: TokenStream) -> Node:
        """Parse a break tag."""
        node = _StopNode(stream.expect(TOKEN_TAG))
        node.blank = False
        return node


class ContinueTag(BreakTag):
    """Tag `{% continue %}`: ends the output because there are no loops."""

    name = "continue"


class UnknownTag(illegal.Illegal):
    """Tag that does not exist in liquidjs."""

    def parse(self, stream: TokenStream) -> NoReturn:
        """Reject the tag with a syntax error."""
        token = stream.current
        name = token.value if token.kind == TOKEN_TAG else token.kind.lower()
        raise LiquidSyntaxError(f'tag "{name}" not found', token=token)


def disabled_tag(tag: str) -> type[Tag]:
    """Return a tag class that rejects every use of the tag."""

    class Disabled(Tag):
        name = tag
        block = False

        def parse(self, stream: TokenStream) -> NoReturn:
            token = stream.current
            raise LiquidSyntaxError(f'tag "{tag}" is disabled', token=token)

    return Disabled
