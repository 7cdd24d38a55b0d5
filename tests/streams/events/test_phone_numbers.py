"""E.164 numbers are judged as the library `phonenumbers` judges them."""

import random

import phonenumbers
import pytest

from streams.events.phone_numbers import normalize_phone

NUMBERS_PER_CODE = 150
NATIONAL_DIGITS = range(4, 13)


def by_library(text: str) -> str:
    """Return the number as the general parser of the library reads it."""
    try:
        number = phonenumbers.parse(text, None)
    except phonenumbers.NumberParseException:
        return ""
    if not phonenumbers.is_valid_number(number):
        return ""
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def numbers_of(calling_code: int) -> list[str]:
    """Return numbers that exist, numbers near them, and others; with a prefix too."""
    dice = random.Random(calling_code)  # noqa: S311 - numbers for a test
    numbers = []
    for region in phonenumbers.COUNTRY_CODE_TO_REGION_CODE[calling_code]:
        for kind in phonenumbers.supported_types_for_region(region):
            example = phonenumbers.example_number_for_type(region, kind)
            if example is None:
                continue
            digits = phonenumbers.national_significant_number(example)
            numbers += [digits, f"{digits}1", digits[:-1], f"0{digits}", f"8{digits}"]
            cut = dice.randrange(len(digits))
            rest = (dice.choice("0123456789") for _ in digits[cut:])
            numbers.append(digits[:cut] + "".join(rest))
    for _ in range(NUMBERS_PER_CODE):
        length = dice.choice(NATIONAL_DIGITS)
        numbers.append("".join(dice.choices("0123456789", k=length)))
    return [f"+{calling_code}{number}" for number in numbers]


@pytest.mark.parametrize("calling_code", phonenumbers.COUNTRY_CODE_TO_REGION_CODE)
def test_a_number_is_judged_as_the_library_judges_it(calling_code: int) -> None:
    """Existing, near and absent numbers of each calling code get the same answer."""
    for number in numbers_of(calling_code):
        assert normalize_phone(number) == by_library(number), number


def test_an_unknown_calling_code_has_no_numbers() -> None:
    """A number of no country is no number."""
    assert normalize_phone("+2105551234567") == ""
