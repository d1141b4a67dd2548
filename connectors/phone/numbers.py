"""Phone numbers as people write them -> E.164. Service numbers that have no E.164 form stay as digits."""

from __future__ import annotations

import re

DEFAULT_REGION = "VN"
NOT_A_NUMBER = "This is not a phone number. Write it like 0912 345 678 or +84 912 345 678."
_HOTLINE = re.compile(r"1[89]00\d{4,6}")
_HIDDEN = frozenset({"", "anonymous", "unknown", "<unknown>", "private", "restricted", "unavailable", "withheld"})


def e164(value: str, region: str = DEFAULT_REGION) -> str:
    """One spelling of a number; raises ValueError with a sentence for a person."""
    import phonenumbers

    written = value.strip()
    digits = re.sub(r"\D", "", written)
    if _HOTLINE.fullmatch(digits):
        return digits
    for attempt in _spellings(written, digits):
        try:
            number = phonenumbers.parse(attempt, region)
        except phonenumbers.NumberParseException:
            continue
        if phonenumbers.is_possible_number(number) and phonenumbers.is_valid_number(number):
            return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    raise ValueError(NOT_A_NUMBER)


def _spellings(written: str, digits: str) -> list[str]:
    """As written first; then with the signs phone systems leave out (84912345678, 0084912345678)."""
    if len(digits) > 15 + 2 or not digits or re.search(r"[A-Za-z]", written):
        return []
    if digits.startswith("00"):
        return [f"+{digits[2:]}"]
    return [written, f"+{digits}"]


def hidden(value: str) -> bool:
    """Did the caller withhold the number?"""
    return value.strip().lower() in _HIDDEN


def region_of(number: str) -> str:
    """The country that local numbers are read in: that of the desk's own number."""
    import phonenumbers

    try:
        return phonenumbers.region_code_for_number(phonenumbers.parse(number, DEFAULT_REGION)) or DEFAULT_REGION
    except phonenumbers.NumberParseException:
        return DEFAULT_REGION
