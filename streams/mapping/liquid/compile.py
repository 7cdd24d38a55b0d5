"""A Liquid template compiled once, with the limits Segment sets."""

from collections.abc import Callable
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
    """A template that can't be compiled.

    Args:
        wording: What is wrong, with line and column.
    """

    def __init__(self, wording: str) -> None:
        super().__init__(wording)
        self.wording = wording


def compile_liquid(text: str, *, clock: Callable[[], float] | None = None) -> Resolver:
    """Compile a template.

    Args:
        text: The template.
        clock: Seconds since the epoch, for `now`; `None` leaves `now` the word it is.

    Returns:
        From the payload to the text; raises `Unresolved` if it can't be rendered.

    Raises:
        LiquidMistake: The template is too long, or no Liquid, or uses what Segment
            does not allow.
    """
    template = _parse(text)

    def resolve(payload: Json) -> str:
        event = dict(payload) if isinstance(payload, dict) else {}
        context = RenderingContext(template, globals=event)
        context.tag_namespace["clock"] = clock
        buffer = StringIO()
        try:
            template.render_with_context(context, buffer)
        except LiquidError as error:
            raise Unresolved(f"@liquid: {error.message}") from None
        except Exception as error:  # noqa: BLE001 - a filter on data nobody foresaw
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


def liquid_keys(text: str) -> list[str]:
    """Name the variables a template reads, in its order; none if it is no Liquid."""
    try:
        names = _parse(text).analyze().variables
    except LiquidTemplateError:
        return []
    found = [variable for uses in names.values() for variable in uses]
    found.sort(key=lambda variable: variable.span.index)
    return list(dict.fromkeys(str(variable) for variable in found))
