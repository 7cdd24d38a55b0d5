"""Phone numbers: E.164 for every number that a country has."""

import re
from collections.abc import Callable, Iterator
from functools import cache, lru_cache
from typing import Final, NamedTuple

import phonenumbers
from phonenumbers import PhoneMetadata, PhoneNumberDesc

from streams.events.text import trim

CACHE_MAX_ENTRIES: Final = 10_000
"""Ours: numbers whose check is cached, a few megabytes."""

TEXT_MAX_CHARS: Final = 250
"""`phonenumbers` reads no longer text."""

_CALLING_CODES: Final = phonenumbers.COUNTRY_CODE_TO_REGION_CODE
_CODE_MAX_DIGITS: Final = 3
_REGIONS: Final = phonenumbers.SUPPORTED_REGIONS
_E164: Final = re.compile(r"\+([1-9][0-9]{4,14})").fullmatch

_NUMBER_TYPES: Final = (
    "fixed_line",
    "mobile",
    "toll_free",
    "premium_rate",
    "shared_cost",
    "voip",
    "personal_number",
    "pager",
    "uan",
    "voicemail",
)
"""The types by which `phonenumbers.is_valid_number` recognises a number."""


class NumberingPlan(NamedTuple):
    """Numbers behind a calling code.

    Attributes:
        has_number: Returns a match for a national number that exists.
        may_have_prefix: Returns a match for a number that may begin with a national
            prefix, such as the 0 of `+44 020…`.
    """

    has_number: Callable[[str], re.Match[str] | None]
    may_have_prefix: Callable[[str], re.Match[str] | None]


def normalize_phone(text: str, *, country: str = "") -> str:
    """Return a phone number in E.164; empty if the number is invalid.

    Args:
        text: The number; a national number needs its country.
        country: ISO 3166 code. A number that begins with `+` needs none.
    """
    if len(text) > TEXT_MAX_CHARS:
        text = trim(text)
    return _parse_phone(text, country) if len(text) <= TEXT_MAX_CHARS else ""


def is_country_code(code: str) -> bool:
    """Return True if a text is the ISO 3166 code of a country with phone numbers."""
    return code.upper() in _REGIONS


@lru_cache(maxsize=CACHE_MAX_ENTRIES)
def _parse_phone(text: str, country: str) -> str:
    text, country = trim(text), country.upper()
    is_known = _check_plain(text)
    if is_known is not None:
        return text if is_known else ""
    international = text.lstrip().startswith("+")
    if not international and country not in _REGIONS:
        return ""
    try:
        number = phonenumbers.parse(text, None if international else country)
    except phonenumbers.NumberParseException:
        return ""
    if international:
        is_valid = phonenumbers.is_valid_number(number)
    else:
        is_valid = phonenumbers.is_valid_number_for_region(number, country)
    e164 = phonenumbers.PhoneNumberFormat.E164
    return phonenumbers.format_number(number, e164) if is_valid else ""


def _check_plain(text: str) -> bool | None:
    """Return the validity of an E.164 number; None if the number needs parsing.

    The answer is that of `phonenumbers`, from the same patterns, which are compiled to
    one for each calling code: most producers send E.164, and its general parser costs
    ten times as much.
    """
    plain = _E164(text)
    if plain is None:
        return None
    digits = plain[1]
    for length in range(1, _CODE_MAX_DIGITS + 1):
        calling_code, number = int(digits[:length]), digits[length:]
        if calling_code in _CALLING_CODES:
            plan = _numbering_plan(calling_code)
            needs_parsing = plan is None or plan.may_have_prefix(number)
            return None if needs_parsing else bool(plan and plan.has_number(number))
    return False


@cache
def _numbering_plan(calling_code: int) -> NumberingPlan | None:
    """Return the plan of a calling code; None for a code without a country."""
    regions = [
        region
        for code in _CALLING_CODES[calling_code]
        if (region := PhoneMetadata.metadata_for_region(code, None))
    ]
    if not regions:
        return None
    has_number = "|".join(f"(?:{_pattern(region)})" for region in regions)
    prefix = regions[0].national_prefix_for_parsing or "(?!)"
    return NumberingPlan(
        has_number=re.compile(has_number).fullmatch,
        may_have_prefix=re.compile(prefix).match,
    )


def _pattern(region: PhoneMetadata) -> str:
    general = "".join(_alternatives([region.general_desc]))
    types = _alternatives([getattr(region, name) for name in _NUMBER_TYPES])
    begin = f"(?={region.leading_digits})" if region.leading_digits else ""
    return rf"{begin}(?={general}\Z)(?:{'|'.join(types) or '(?!)'})"


def _alternatives(descriptions: list[PhoneNumberDesc | None]) -> Iterator[str]:
    for description in descriptions:
        if description is None or not description.national_number_pattern:
            continue
        lengths = "|".join(
            f"[0-9]{{{n}}}" for n in description.possible_length if n > 0
        )
        length_test = rf"(?=(?:{lengths})\Z)" if description.possible_length else ""
        yield f"(?:{length_test}(?:{description.national_number_pattern}))"
