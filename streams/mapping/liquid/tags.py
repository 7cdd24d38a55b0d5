"""Tags that read or write values, with the behaviour of liquidjs."""

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

from streams.mapping.liquid.convert import liquid_text
from streams.mapping.liquid.disabled import DISABLED_FILTERS
from streams.mapping.liquid.lookups import RenderingContext
from streams.mapping.liquid.operators import TruthExpression, ValueExpression
from streams.mapping.liquid.quotes import restore_quotes
from streams.mapping.values import Json

_REQUIRING_ARGUMENT: Final = frozenset({"append", "prepend"})
"""Filters that require an argument."""


def parse_filtered_expression(tag: Tag, tokens: TokenStream) -> FilteredExpression:
    """Parse a value: an expression with operators, then filters."""
    node = parse_boolean_primitive(tag.env, tokens)
    filters = Filter.parse(tag.env, tokens, delim=(TOKEN_PIPE,))
    tokens.eat(TOKEN_EOF)
    for used in filters:
        if used.name in DISABLED_FILTERS:
            text = f'filter "{used.name}" is disabled'
            raise LiquidSyntaxError(text, token=used.token)
        if used.name in _REQUIRING_ARGUMENT and not used.args:
            text = f"{used.name} expect 2 arguments"
            raise LiquidSyntaxError(text, token=used.token)
    value = FilteredExpression(node.token, ValueExpression(node.token, node), filters)
    restore_quotes(value)
    return value


class LiquidOutputNode(output.OutputNode):
    """Output node that writes like liquidjs, and counts the written characters."""

    def render_to_output(self, context: RenderContext, buffer: TextIO) -> int:
        """Write the value of the expression."""
        text = liquid_text(self.expression.evaluate(context))
        if isinstance(context, RenderingContext):
            context.charge(len(text))
        return buffer.write(text)


class OutputTag(output.Output):
    """Tag of an output statement, `{{ value }}`."""

    def parse(self, stream: TokenStream) -> LiquidOutputNode:
        """Parse an output statement."""
        token = stream.eat(TOKEN_OUTPUT)
        inner = stream.expect(TOKEN_EXPRESSION)
        tokens = TokenStream(tokenize(inner.value, inner))
        return LiquidOutputNode(token, parse_filtered_expression(self, tokens))


class EchoTag(echo_tag.EchoTag):
    """Tag `{% echo value %}`: writes a value."""

    def parse(self, stream: TokenStream) -> Node:
        """Parse an echo tag."""
        token = stream.eat(TOKEN_TAG)
        tokens = stream.into_inner(tag=token, eat=False)
        return LiquidOutputNode(token, parse_filtered_expression(self, tokens))


class AssignTag(assign_tag.AssignTag):
    """Tag `{% assign name = value %}`: sets a variable."""

    def parse(self, stream: TokenStream) -> assign_tag.AssignNode:
        """Parse an assign tag."""
        token = stream.eat(TOKEN_TAG)
        tokens = stream.into_inner(tag=token, eat=False)
        name = parse_identifier(self.env, tokens)
        tokens.eat(TOKEN_ASSIGN)
        value = parse_filtered_expression(self, tokens)
        return assign_tag.AssignNode(token, name=name, expression=value)


def _with_truth_conditions(node: Json) -> Node:
    """Replace the conditions of a parsed node by expressions with liquidjs's truth."""
    node.condition = _to_truth(node.condition)
    for branch in node.alternatives:
        if isinstance(branch, ConditionalBlockNode):
            branch.expression = _to_truth(branch.expression)
    return node  # type: ignore[no-any-return] # it is the node that came


def _to_truth(condition: Json) -> TruthExpression:
    restore_quotes(condition)
    return TruthExpression(condition.token, condition.expression)


class IfTag(if_tag.IfTag):
    """Tag `{% if condition %}` with all branches."""

    def parse(self, stream: TokenStream) -> Node:
        """Parse an if tag with all branches."""
        return _with_truth_conditions(super().parse(stream))


class UnlessTag(unless_tag.UnlessTag):
    """Tag `{% unless condition %}` with all branches."""

    def parse(self, stream: TokenStream) -> Node:
        """Parse an unless tag with all branches."""
        return _with_truth_conditions(super().parse(stream))


class BlockTag(Tag):
    """Tag `{% block name %}`: shows the content because there are no layouts."""

    name = "block"
    end = "endblock"

    def parse(self, stream: TokenStream) -> Node:
        """Parse a block tag."""
        stream.eat(TOKEN_TAG)
        if stream.current.kind == TOKEN_EXPRESSION:
            next(stream)
        node = get_parser(self.env).parse_block(stream, (self.end,))
        stream.expect(TOKEN_TAG, value=self.end)
        return node
