"""Compile a Liquid template once, with the limits that Segment sets."""

from io import StringIO

from liquid import BoundTemplate
from liquid.exceptions import LiquidError

from streams.mapping.errors import Unresolved
from streams.mapping.liquid.engine import ENVIRONMENT
from streams.mapping.liquid.limits import TEMPLATE_MAX_CHARS
from streams.mapping.liquid.lookups import RenderingContext
from streams.mapping.liquid.quotes import unescape_literals
from streams.mapping.values import Json, Resolver


class LiquidTemplateError(Exception):
    """Template that cannot be compiled.

    Args:
        wording: Description of the problem, with line and column.
    """

    def __init__(self, wording: str) -> None:
        super().__init__(wording)
        self.wording = wording


def compile_liquid(text: str) -> Resolver:
    """Compile a template to a resolver.

    Args:
        text: Source of the template.

    Returns:
        Function from the payload to the text; raises `Unresolved` if rendering fails.

    Raises:
        LiquidTemplateError: The template is too long, or is not valid Liquid, or uses
            features that Segment does not allow.
    """
    template = _parse(text)

    def resolve(payload: Json) -> str:
        event = dict(payload) if isinstance(payload, dict) else {}
        context = RenderingContext(template, globals=event)
        buffer = StringIO()
        try:
            template.render_with_context(context, buffer)
        except LiquidError as error:
            raise Unresolved(f"@liquid: {error.message}") from None
        except Exception as error:  # noqa: BLE001 - filters meet unforeseen data
            kind = type(error).__name__
            raise Unresolved(f"@liquid: can't be rendered: {kind}") from None
        return buffer.getvalue()

    return resolve


def _parse(text: str) -> BoundTemplate:
    if len(text) > TEMPLATE_MAX_CHARS:
        limit = f"limited to {TEMPLATE_MAX_CHARS} characters"
        raise LiquidTemplateError(f"liquid template values are {limit}")
    try:
        return ENVIRONMENT.from_string(unescape_literals(text))
    except (LiquidError, RecursionError, ValueError) as error:
        raise LiquidTemplateError(_describe(error, text)) from None


def _describe(error: Exception, text: str) -> str:
    if not isinstance(error, LiquidError):
        return "liquid template can't be parsed"
    begin = 0 if error.token is None else error.token.start_index
    opened = (text.rfind(mark, 0, max(begin, 0) + 2) for mark in ("{%", "{{"))
    before = text[: max(0, *opened)]
    line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
    return f"{error.message}, line:{line}, col:{column}"
