"""Addresses: one written form, and the form in which two of them are compared."""

from __future__ import annotations

import functools
import re

import phonenumbers
from email_validator import EmailNotValidError, ValidatedEmail, validate_email
from email_validator.rfc_constants import CASE_INSENSITIVE_MAILBOX_NAMES

from segflow.messages import CHANNEL_TABLE, ascii_domain

_PLAIN_LOCAL = re.compile(r"(?=.{1,32}$)[A-Za-z0-9_+-]+(?:\.[A-Za-z0-9_+-]+)*")
_LONGEST = 254
_MEXICO = 52
_OLD_MEXICAN_MOBILE = re.compile(r"1\d{10}")
_ARGENTINE_MOBILE = re.compile(r"\+549(\d{10})")


class InvalidAddressError(ValueError):
    """The address cannot exist; the text says why."""


@functools.lru_cache(maxsize=10_000)
def normal(channel: str, address: str) -> str:
    """The address as it is handed to a sender: for email with an ASCII domain, for SMS in E.164. What stands before the
    @ may have any letters; whether the provider takes them is for the sender to find out.

    Only the form is checked, nothing is looked up. Phone numbers need their country code and a possible length;
    whether a number is assigned is for the provider to say, because number plans change faster than libraries.
    Raises InvalidAddressError.
    """
    if _kind(channel) == "email":
        if (plain := _plain_email(address)) is not None:
            return plain
        found = _email(address)
        return found.ascii_email or f"{found.local_part}@{ascii_domain(found.domain)}"
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


def _plain_email(address: str) -> str | None:
    """An address of plain letters as it is handed to a sender, found without taking it apart; None for any other."""
    local, _, domain = address.strip().rpartition("@")
    if not _PLAIN_LOCAL.fullmatch(local) or local.lower() in CASE_INSENSITIVE_MAILBOX_NAMES:
        return None
    known = _domain_of_email(domain)
    return f"{local}@{known}" if known is not None else None


@functools.lru_cache(maxsize=10_000)
def _domain_of_email(domain: str) -> str | None:
    """A domain as addresses have it, of those that are short enough for any of our plain names before the @."""
    try:
        found = validate_email(f"a@{domain}", check_deliverability=False, test_environment=True)
    except EmailNotValidError:
        return None
    return found.ascii_domain if len(domain) + 40 < _LONGEST and found.ascii_domain == domain.lower() else None


def _kind(channel: str) -> str | None:
    facts = CHANNEL_TABLE.get(channel)  # type: ignore[call-overload]  # stores hold channels as texts
    return facts.address if facts is not None else None


def _email(address: str) -> ValidatedEmail:
    try:
        return validate_email(address.strip(), check_deliverability=False, test_environment=True)
    except EmailNotValidError as error:
        raise InvalidAddressError(str(error)) from error


def comparable(channel: str, address: str) -> str:
    """A key that is equal for two ways to write one address. Never raises: a list of suppressions holds anything."""
    try:
        kind = _kind(channel)
        if kind == "email":
            if (plain := _plain_email(address)) is not None:
                return plain.casefold()
            # Stores hold this form: an address that is not ASCII before its @ has its domain in letters there.
            found = _email(address)
            return (found.ascii_email or found.normalized).casefold()
        # An Argentine mobile is written with a 9 or without; its ten digits are nobody else's.
        return _ARGENTINE_MOBILE.sub(r"+54\1", normal(channel, address)) if kind == "phone" else address
    except InvalidAddressError:
        return address.strip().casefold()


def allowed(allowlist: list[str], channel: str, address: str) -> bool:
    """Is the address on the allowlist of mode test? Entries: an address, `*@domain`, or the beginning of a URL.
    Domains and addresses may be written in letters or as `xn--...`, in any case."""
    if channel == "webhook":
        return any(_below(address, entry) for entry in allowlist)
    key = comparable(channel, address)
    domain = _domain(key.rpartition("@")[2])
    return any(
        "@" in key and _domain(entry.strip()[2:]) == domain
        if entry.strip().startswith("*@")
        else comparable(channel, entry) == key
        for entry in allowlist
    )


def _domain(text: str) -> str:
    """The form in which two domains are compared; what is no domain is itself."""
    try:
        return ascii_domain(text)
    except ValueError:
        return text.casefold()


def _below(url: str, prefix: str) -> bool:
    """`https://a.example` must not allow `https://a.example.evil.org` nor `https://a.example@evil.org`."""
    if not url.startswith(prefix) or not prefix.startswith(("http://", "https://")):
        return False
    return url == prefix or prefix.endswith("/") or url[len(prefix)] in "/?#"
