"""Values of typed columns as JSON: decimals, dates, times, bytes."""

import base64
from decimal import Decimal
from functools import lru_cache
from typing import Final

_EXACT_LIMIT: Final = 10**15
"""Numbers of 15 digits: every IEEE 754 double keeps these."""

_SECONDS_PER_DAY: Final = 86_400
_DATES_KEPT: Final = 4_096


def decimal_value(unscaled: int, *, scale: int) -> int | float | str:
    """Return a decimal as a number if JSON's readers keep all digits, else as text.

    12.340 becomes 12.34; a number of more than 15 digits becomes text, digit by digit.

    Args:
        unscaled: The digits, as one number.
        scale: Digits behind the point; negative for zeros before it.
    """
    if scale <= 0:
        whole: int = unscaled * 10**-scale
        return whole if abs(whole) < _EXACT_LIMIT else str(whole)
    if abs(unscaled) >= _EXACT_LIMIT:
        return format(Decimal(unscaled).scaleb(-scale), "f")
    divisor: int = 10**scale
    whole, rest = divmod(unscaled, divisor)
    return unscaled / divisor if rest else whole


def bytes_value(raw: bytes) -> str:
    """Return bytes as base64 text."""
    return base64.b64encode(raw).decode("ascii")


@lru_cache(maxsize=_DATES_KEPT)
def date_text(days: int) -> str:
    """Return a day as `YYYY-MM-DD`; years outside 0 to 9999 have a sign and 6 digits.

    Args:
        days: Days since 1970-01-01 in the proleptic Gregorian calendar. The algorithm
            is `civil_from_days` of Howard Hinnant's "chrono-Compatible Low-Level Date
            Algorithms".
    """
    era, day_of_era = divmod(days + 719_468, 146_097)
    year_of_era = (
        day_of_era - day_of_era // 1_460 + day_of_era // 36_524 - day_of_era // 146_096
    ) // 365
    day_of_year = day_of_era - (
        365 * year_of_era + year_of_era // 4 - year_of_era // 100
    )
    shifted_month = (5 * day_of_year + 2) // 153
    day = day_of_year - (153 * shifted_month + 2) // 5 + 1
    month = shifted_month + 3 if shifted_month < 10 else shifted_month - 9
    year = year_of_era + era * 400 + (month <= 2)
    year_text = f"{year:04d}" if 0 <= year <= 9999 else f"{year:+07d}"
    return f"{year_text}-{month:02d}-{day:02d}"


def time_text(units: int, *, per_second: int) -> str:
    """Return a time of day as `HH:MM:SS`, with a fraction unless the fraction is 0.

    Args:
        units: Time since midnight.
        per_second: Units in a second: 1,000, 1,000,000 or 1,000,000,000.
    """
    seconds, fraction = divmod(units, per_second)
    minutes, second = divmod(seconds, 60)
    hour, minute = divmod(minutes, 60)
    text = f"{hour:02d}:{minute:02d}:{second:02d}"
    if not fraction:
        return text
    width = len(str(per_second)) - 1
    return f"{text}.{fraction:0{width}d}"


def timestamp_text(units: int, *, per_second: int, zone: str = "Z") -> str:
    """Return a time as ISO 8601.

    Args:
        units: Time since 1970-01-01T00:00:00.
        per_second: Units in a second: 1,000, 1,000,000 or 1,000,000,000.
        zone: Text of the zone; empty for a time without one.
    """
    days, rest = divmod(units, _SECONDS_PER_DAY * per_second)
    return f"{date_text(days)}T{time_text(rest, per_second=per_second)}{zone}"
