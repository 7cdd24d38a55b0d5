"""The tags and filters that are not there, and the tags that end the output."""

from typing import Final, NoReturn, TextIO

from liquid import RenderContext, Tag, TokenStream
from liquid.ast import Node
from liquid.builtin import illegal
from liquid.exceptions import LiquidSyntaxError, StopRender
from liquid.token import TOKEN_TAG

DISABLED_TAGS: Final = ("case", "for", "include", "layout", "render", "tablerow")
"""Segment's mapping kit refuses them."""

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
"""Segment's mapping kit refuses them."""


class _StopNode(Node):
    """Outside a loop a break ends the output."""

    def render_to_output(self, context: RenderContext, buffer: TextIO) -> int:
        """End the output here."""
        del context, buffer
        raise StopRender


class BreakTag(Tag):
    """`{% break %}`; there are no loops."""

    name = "break"
    block = False

    def parse(self, stream: TokenStream) -> Node:
        """Parse one."""
        node = _StopNode(stream.expect(TOKEN_TAG))
        node.blank = False
        return node


class ContinueTag(BreakTag):
    """`{% continue %}`; there are no loops."""

    name = "continue"


class UnknownTag(illegal.Illegal):
    """Any tag that is not there."""

    def parse(self, stream: TokenStream) -> NoReturn:
        """Refuse it."""
        token = stream.current
        name = token.value if token.kind == TOKEN_TAG else token.kind.lower()
        raise LiquidSyntaxError(f'tag "{name}" not found', token=token)


def disabled_tag(tag: str) -> type[Tag]:
    """Make the tag that refuses to be one."""

    class Disabled(Tag):
        name = tag
        block = False

        def parse(self, stream: TokenStream) -> NoReturn:
            token = stream.current
            raise LiquidSyntaxError(f'tag "{tag}" is disabled', token=token)

    return Disabled
