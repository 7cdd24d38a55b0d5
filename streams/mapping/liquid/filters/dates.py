"""Filters for dates, and `strftime` with the codes of liquidjs."""

import re
from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

from streams.mapping.liquid.convert import is_nil, liquid_text
from streams.mapping.liquid.filters.date_parsing import parse_datetime
from streams.mapping.liquid.limits import check_work
from streams.mapping.values import Json

_DEFAULT: Final = "%A, %B %-e, %Y at %-l:%M %P %z"
_CODE: Final = re.compile(r"%([-_0^#:]+)?(\d+)?([EO])?(.)", re.DOTALL)
_WIDTHS: Final = {**dict.fromkeys("deHIklmMSUW", 2), "j": 3, "L": 3}
_SPACED: Final = frozenset("aAbBceklpP")
_ELEVEN_TO_THIRTEEN: Final = (11, 12, 13)


def _offset(at: datetime, flags: str) -> str:
    text = at.strftime("%z")[:5]
    return f"{text[:3]}:{text[3:]}" if ":" in flags else text


def _hour(at: datetime) -> int:
    return at.hour % 12 or 12


def _ordinal(at: datetime) -> str:
    if at.day in _ELEVEN_TO_THIRTEEN:
        return "th"
    return {1: "st", 2: "nd", 3: "rd"}.get(at.day % 10, "th")


def _am_pm(at: datetime) -> str:
    return "AM" if at.hour < 12 else "PM"


def _time_text(at: datetime) -> str:
    return f"{_hour(at)}:{at:%M:%S} {_am_pm(at)}"


def _date_text(at: datetime) -> str:
    return f"{at.month}/{at.day}/{at.year}"


def _week_number(at: datetime, *, first: int) -> int:
    """Count weeks from the first full week of the year."""
    day_of_year = at.timetuple().tm_yday
    sunday_based = at.isoweekday() % 7
    january = at.replace(month=1, day=1).isoweekday() % 7
    return (day_of_year + first - sunday_based - (7 - january + first)) // 7 + 1


_WRITERS: Final[dict[str, Callable[[datetime, str], Any]]] = {
    "a": lambda at, _: at.strftime("%a"),
    "A": lambda at, _: at.strftime("%A"),
    "b": lambda at, _: at.strftime("%b"),
    "h": lambda at, _: at.strftime("%b"),
    "B": lambda at, _: at.strftime("%B"),
    "c": lambda at, _: f"{_date_text(at)}, {_time_text(at)}",
    "C": lambda at, _: int(str(at.year)[:2]),
    "d": lambda at, _: at.day,
    "e": lambda at, _: at.day,
    "H": lambda at, _: at.hour,
    "I": lambda at, _: _hour(at),
    "j": lambda at, _: at.timetuple().tm_yday,
    "k": lambda at, _: at.hour,
    "l": lambda at, _: _hour(at),
    "L": lambda at, _: at.microsecond // 1000,
    "m": lambda at, _: at.month,
    "M": lambda at, _: at.minute,
    "n": lambda _at, _: "\n",
    "p": lambda at, _: _am_pm(at),
    "P": lambda at, _: _am_pm(at).lower(),
    "q": lambda at, _: _ordinal(at),
    "s": lambda at, _: round(at.timestamp()),
    "S": lambda at, _: at.second,
    "t": lambda _at, _: "\t",
    "u": lambda at, _: at.isoweekday(),
    "U": lambda at, _: _week_number(at, first=0),
    "w": lambda at, _: at.isoweekday() % 7,
    "W": lambda at, _: _week_number(at, first=1),
    "x": lambda at, _: _date_text(at),
    "X": lambda at, _: _time_text(at),
    "y": lambda at, _: str(at.year)[2:4],
    "Y": lambda at, _: at.year,
    "z": _offset,
    "Z": lambda at, flags: (
        at.tzname() if at.utcoffset() is None else _zone_name(at, flags)
    ),
    "%": lambda _at, _: "%",
}
"""Writer of each format code, before padding."""


def _zone_name(at: datetime, flags: str) -> str:
    name = getattr(at.tzinfo, "key", None) or at.tzname() or ""
    return _offset(at, flags) if name.startswith("UTC") and name != "UTC" else name


def strftime(at: datetime, text: str) -> str:
    """Format a date by a format; an unknown code stays unchanged."""
    return _CODE.sub(lambda match: _format_code(at, match), text)


def _format_code(at: datetime, match: re.Match[str]) -> str:
    flags, code, width = match[1] or "", match[4], int((match[2] or "0")[:10])
    check_work(width)
    if code == "N":
        return str(at.microsecond // 1000)[: width or 9].ljust(width or 9, "0")
    write = _WRITERS.get(code)
    if write is None:
        return match[0]
    return _pad(str(write(at, flags)), flags=flags, code=code, width=width)


def _pad(text: str, *, flags: str, code: str, width: int) -> str:
    if "^" in flags:
        text = text.upper()
    elif "#" in flags:
        text = text.upper() if re.search("[a-z]", text) else text.lower()
    pad_char = " " if "_" in flags or (code in _SPACED and "0" not in flags) else "0"
    padded_width = 0 if "-" in flags else width or _WIDTHS.get(code, 0)
    return text.rjust(padded_width, pad_char)


def date(value: Json, layout: Json = None, zone: Json = None) -> Json:
    """Format a date; a value that is not a date stays unchanged."""
    at = parse_datetime(value, zone=zone)
    if at is None:
        return value
    return strftime(at, _DEFAULT if is_nil(layout) else liquid_text(layout))


def _with_layout(layout: str) -> Callable[..., Any]:
    return lambda value: date(value, layout)


def _with_month(month: str) -> Callable[..., Any]:
    def write(value: Json, kind: Json = None, style: Json = None) -> Json:
        layout = f"%d {month} %Y"
        if kind == "ordinal":
            american = style == "US"
            layout = f"{month} %-d%q, %Y" if american else f"%-d%q {month} %Y"
        return date(value, layout)

    return write


FILTERS: Final[dict[str, Callable[..., Any]]] = {
    "date": date,
    "date_to_long_string": _with_month("%B"),
    "date_to_rfc822": _with_layout("%a, %d %b %Y %H:%M:%S %z"),
    "date_to_string": _with_month("%b"),
    "date_to_xmlschema": _with_layout("%Y-%m-%dT%H:%M:%S%:z"),
}
"""Date filters, by name."""
