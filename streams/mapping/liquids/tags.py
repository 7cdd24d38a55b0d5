"""The tags that read or write values, each our way."""

from typing import Final, TextIO

from liquid import RenderContext, Tag, TokenStream
from liquid.ast import ConditionalBlockNode, Node
from liquid.builtin import output
from liquid.builtin.expressions import Filter, FilteredExpression, tokenize
from liquid.builtin.expressions.logical import parse_boolean_primitive
from liquid.builtin.expressions.primitive import parse_identifier
from liquid.builtin.tags import assign_tag, echo_tag, if_tag, unless_tag
from liquid.exceptions import LiquidSyntaxError
from liquid.parser import get_parser
from liquid.token import (
    TOKEN_ASSIGN,
    TOKEN_EOF,
    TOKEN_EXPRESSION,
    TOKEN_OUTPUT,
    TOKEN_PIPE,
    TOKEN_TAG,
)

from streams.mapping.liquids.convert import liquid_text
from streams.mapping.liquids.lookups import Rendering
from streams.mapping.liquids.operators import Condition, Truth
from streams.mapping.liquids.quotes import show_quotes
from streams.mapping.liquids.refused import DISABLED_FILTERS
from streams.mapping.values import Json

_OF_TWO: Final = frozenset({"append", "prepend"})
"""Filters that want their argument."""


def filtered(tag: Tag, tokens: TokenStream) -> FilteredExpression:
    """Parse a value: an expression with operators, then filters."""
    node = parse_boolean_primitive(tag.env, tokens)
    filters = Filter.parse(tag.env, tokens, delim=(TOKEN_PIPE,))
    tokens.eat(TOKEN_EOF)
    for used in filters:
        if used.name in DISABLED_FILTERS:
            text = f'filter "{used.name}" is disabled'
            raise LiquidSyntaxError(text, token=used.token)
        if used.name in _OF_TWO and not used.args:
            text = f"{used.name} expect 2 arguments"
            raise LiquidSyntaxError(text, token=used.token)
    value = FilteredExpression(node.token, Condition(node.token, node), filters)
    show_quotes(value)
    return value


class WrittenNode(output.OutputNode):
    """An output that writes as liquidjs does, and counts what it wrote."""

    def render_to_output(self, context: RenderContext, buffer: TextIO) -> int:
        """Write the value."""
        text = liquid_text(self.expression.evaluate(context))
        if isinstance(context, Rendering):
            context.charge(len(text))
        return buffer.write(text)


class Written(output.Output):
    """`{{ value }}`."""

    def parse(self, stream: TokenStream) -> WrittenNode:
        """Parse one."""
        token = stream.eat(TOKEN_OUTPUT)
        inner = stream.expect(TOKEN_EXPRESSION)
        tokens = TokenStream(tokenize(inner.value, inner))
        return WrittenNode(token, filtered(self, tokens))


class Echo(echo_tag.EchoTag):
    """`{% echo value %}`."""

    def parse(self, stream: TokenStream) -> Node:
        """Parse one."""
        token = stream.eat(TOKEN_TAG)
        tokens = stream.into_inner(tag=token, eat=False)
        return WrittenNode(token, filtered(self, tokens))


class Assign(assign_tag.AssignTag):
    """`{% assign name = value %}`."""

    def parse(self, stream: TokenStream) -> assign_tag.AssignNode:
        """Parse one."""
        token = stream.eat(TOKEN_TAG)
        tokens = stream.into_inner(tag=token, eat=False)
        name = parse_identifier(self.env, tokens)
        tokens.eat(TOKEN_ASSIGN)
        value = filtered(self, tokens)
        return assign_tag.AssignNode(token, name=name, expression=value)


def _truths(node: Json) -> Node:
    """Let the conditions of a parsed node be evaluated our way."""
    node.condition = _truth(node.condition)
    for branch in node.alternatives:
        if isinstance(branch, ConditionalBlockNode):
            branch.expression = _truth(branch.expression)
    return node  # type: ignore[no-any-return] # it is the node that came


def _truth(condition: Json) -> Truth:
    show_quotes(condition)
    return Truth(condition.token, condition.expression)


class If(if_tag.IfTag):
    """`{% if condition %}`."""

    def parse(self, stream: TokenStream) -> Node:
        """Parse one with all its branches."""
        return _truths(super().parse(stream))


class Unless(unless_tag.UnlessTag):
    """`{% unless condition %}`."""

    def parse(self, stream: TokenStream) -> Node:
        """Parse one with all its branches."""
        return _truths(super().parse(stream))


class Block(Tag):
    """`{% block name %}`: there are no layouts, so it shows what is in it."""

    name = "block"
    end = "endblock"

    def parse(self, stream: TokenStream) -> Node:
        """Parse one."""
        stream.eat(TOKEN_TAG)
        if stream.current.kind == TOKEN_EXPRESSION:
            next(stream)
        node = get_parser(self.env).parse_block(stream, (self.end,))
        stream.expect(TOKEN_TAG, value=self.end)
        return node
