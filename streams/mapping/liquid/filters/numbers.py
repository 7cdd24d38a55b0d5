"""Filters for numbers: doubles, so 5 divided by 2 is 2.5."""

import math
from collections.abc import Callable
from typing import Any, Final

from streams.mapping.liquid.convert import LiquidNumber, to_number
from streams.mapping.liquid.operators import is_truthy
from streams.mapping.values import Json

_EPSILON: Final = 2.0**-52
"""Spacing of doubles at 1; rounding allows this error."""


def _two_numbers(
    work: Callable[[LiquidNumber, LiquidNumber], LiquidNumber],
) -> Callable[..., LiquidNumber]:
    def apply(value: Json, other: Json = None) -> LiquidNumber:
        return work(to_number(value), to_number(other))

    return apply


def _one_number(
    work: Callable[[LiquidNumber], LiquidNumber],
) -> Callable[..., LiquidNumber]:
    def apply(value: Json) -> LiquidNumber:
        number = to_number(value)
        return work(number) if math.isfinite(number) else number

    return apply


def divided_by(value: Json, divisor: Json = None, whole: Json = None) -> LiquidNumber:
    """Divide two numbers; `whole` rounds down to an integer."""
    dividend, divisor_number = to_number(value), to_number(divisor)
    if divisor_number == 0:
        return math.nan if dividend == 0 else math.copysign(math.inf, dividend)
    quotient = dividend / divisor_number
    if is_truthy(whole) and to_number(whole) and math.isfinite(quotient):
        return math.floor(quotient)
    return quotient


def _modulo(value: LiquidNumber, divisor: LiquidNumber) -> LiquidNumber:
    if divisor == 0 or not math.isfinite(value):
        return math.nan
    return value % divisor


def round_to(value: Json, digits: Json = None) -> LiquidNumber:
    """Round half up, to some digits after the point."""
    number, power = to_number(value), 10.0 ** min(300, to_number(digits))
    scaled = number * power * (1 + _EPSILON)
    if not math.isfinite(scaled) or power == 0:
        return number if power else math.nan
    return math.floor(scaled + 0.5) / power


FILTERS: Final[dict[str, Callable[..., Any]]] = {
    "abs": _one_number(abs),
    "at_least": _two_numbers(max),
    "at_most": _two_numbers(min),
    "ceil": _one_number(math.ceil),
    "divided_by": divided_by,
    "floor": _one_number(math.floor),
    "minus": _two_numbers(lambda value, other: value - other),
    "modulo": _two_numbers(_modulo),
    "plus": _two_numbers(lambda value, other: value + other),
    "round": round_to,
    "times": _two_numbers(lambda value, other: value * other),
}
"""Number filters, by name."""
