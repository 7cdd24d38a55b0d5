"""Filters of numbers: doubles, so 5 divided by 2 is 2.5."""

import math
from collections.abc import Callable
from typing import Any, Final

from streams.mapping.liquids.convert import Number, number_of
from streams.mapping.liquids.operators import truthy
from streams.mapping.values import Json

_EPSILON: Final = 2.0**-52
"""Spacing of doubles at 1; rounding is generous by it."""


def _of_two(work: Callable[[Number, Number], Number]) -> Callable[..., Number]:
    def apply(value: Json, other: Json = None) -> Number:
        return work(number_of(value), number_of(other))

    return apply


def _of_one(work: Callable[[Number], Number]) -> Callable[..., Number]:
    def apply(value: Json) -> Number:
        number = number_of(value)
        return work(number) if math.isfinite(number) else number

    return apply


def divided_by(value: Json, divisor: Json = None, whole: Json = None) -> Number:
    """Divide; `whole` cuts to the integer below."""
    left, right = number_of(value), number_of(divisor)
    if right == 0:
        return math.nan if left == 0 else math.copysign(math.inf, left)
    quotient = left / right
    if truthy(whole) and number_of(whole) and math.isfinite(quotient):
        return math.floor(quotient)
    return quotient


def _modulo(value: Number, divisor: Number) -> Number:
    if divisor == 0 or not math.isfinite(value):
        return math.nan
    return value % divisor


def round_to(value: Json, digits: Json = None) -> Number:
    """Round half up, to some digits after the point."""
    number, power = number_of(value), 10.0 ** min(300, number_of(digits))
    scaled = number * power * (1 + _EPSILON)
    if not math.isfinite(scaled) or power == 0:
        return number if power else math.nan
    return math.floor(scaled + 0.5) / power


FILTERS: Final[dict[str, Callable[..., Any]]] = {
    "abs": _of_one(abs),
    "at_least": _of_two(max),
    "at_most": _of_two(min),
    "ceil": _of_one(math.ceil),
    "divided_by": divided_by,
    "floor": _of_one(math.floor),
    "minus": _of_two(lambda value, other: value - other),
    "modulo": _of_two(_modulo),
    "plus": _of_two(lambda value, other: value + other),
    "round": round_to,
    "times": _of_two(lambda value, other: value * other),
}
"""By name."""
