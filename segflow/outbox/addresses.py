"""Addresses: one written form, and the form in which two of them are compared."""

from __future__ import annotations

import functools
import re

import phonenumbers
from email_validator import EmailNotValidError, validate_email

_MEXICO = 52
_OLD_MEXICAN_MOBILE = re.compile(r"1\d{10}")


class InvalidAddressError(ValueError):
    """The address cannot exist; the text says why."""


@functools.lru_cache(maxsize=10_000)
def normal(channel: str, address: str) -> str:
    """The address as it is handed to a sender: for email with an ASCII domain, for SMS in E.164.

    Only the form is checked, nothing is looked up. Phone numbers need their country code and a possible length;
    whether a number is assigned is for the provider to say, because number plans change faster than libraries.
    Raises InvalidAddressError.
    """
    if channel == "email":
        try:
            found = validate_email(address.strip(), check_deliverability=False, test_environment=True)
        except EmailNotValidError as error:
            raise InvalidAddressError(str(error)) from error
        return found.ascii_email or found.normalized
    try:
        number = phonenumbers.parse(address, None)
    except phonenumbers.NumberParseException as error:
        raise InvalidAddressError(f"{error} (write it with its country code, like +44 20 7946 0018)") from error
    if number.extension:
        raise InvalidAddressError("A text reaches no extension: give a number of its own.")
    # The library dials letters as on a keypad, and the number that comes out is somebody else's.
    if any(character.isalpha() for character in address):
        raise InvalidAddressError("There are letters in the number.")
    if number.country_code == _MEXICO and _OLD_MEXICAN_MOBILE.fullmatch(str(number.national_number)):
        # Mobiles were written +52 1 ... until 2019; the library has not known that form since 8.13.38.
        number.national_number = int(str(number.national_number)[1:])
    if not phonenumbers.is_possible_number(number):
        raise InvalidAddressError("The number is too short or too long for its country.")
    return str(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))


def comparable(channel: str, address: str) -> str:
    """A key that is equal for two ways to write one address. Never raises: a list of suppressions holds anything."""
    try:
        return normal(channel, address).casefold() if channel in ("email", "sms") else address
    except InvalidAddressError:
        return address.strip().casefold()


def allowed(allowlist: list[str], channel: str, address: str) -> bool:
    """Is the address on the allowlist of mode test? Entries: an address, `*@domain`, or the beginning of a URL."""
    if channel == "webhook":
        return any(_below(address, entry) for entry in allowlist)
    key = comparable(channel, address)
    return any(
        key.endswith(entry[1:].casefold()) if entry.startswith("*@") else comparable(channel, entry) == key
        for entry in allowlist
    )


def _below(url: str, prefix: str) -> bool:
    """`https://a.example` must not allow `https://a.example.evil.org` nor `https://a.example@evil.org`."""
    if not url.startswith(prefix) or not prefix.startswith(("http://", "https://")):
        return False
    return url == prefix or prefix.endswith("/") or url[len(prefix)] in "/?#"
