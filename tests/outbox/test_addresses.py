"""Addresses as they are handed to senders, and those that are refused."""

from __future__ import annotations

import pytest

from segflow.outbox.addresses import InvalidAddressError, comparable, normal

# The numbers are of ranges that are kept for examples, or made up of one digit.
WRITTEN = {
    "as people write it": ("sms", "+44 (0)20 7946 0018", "+442079460018"),
    "Mexico, today": ("sms", "+52 222 222 2222", "+522222222222"),
    "Mexico, a mobile as it was written until 2019": ("sms", "+52 1 222 222 2222", "+522222222222"),
    "a domain in another alphabet": ("email", "hello@b\u00fccher.example", "hello@xn--bcher-kva.example"),
    "a sharp s is a letter of its own": ("email", "hello@stra\u00dfe.example", "hello@xn--strae-oqa.example"),
}
REFUSED = {
    "a letter O for a zero": ("+44 77OO 9OO123", "letters"),
    "a word behind it": ("+49 30 123456 home", "letters"),
    "an exponent, as a spreadsheet writes it": ("+4.9301234E11", "letters"),
    "an extension": ("+1 202 555 0134 ext. 12", "extension"),
    "an extension, written shortly": ("+1 202 555 0134 x12", "extension"),
    "without a country": ("020 7946 0018", "country code"),
    "too short": ("+44 12", "too short"),
}


@pytest.mark.parametrize(("channel", "address", "expected"), WRITTEN.values(), ids=WRITTEN.keys())
def test_the_form_that_senders_get(channel: str, address: str, expected: str) -> None:
    assert normal(channel, address) == expected


@pytest.mark.parametrize(("address", "why"), REFUSED.values(), ids=REFUSED.keys())
def test_refused_phone_numbers(address: str, why: str) -> None:
    with pytest.raises(InvalidAddressError, match=why):
        normal("sms", address)


def test_a_suppression_covers_both_ways_to_write_a_mexican_mobile() -> None:
    assert comparable("sms", "+52 1 222 222 2222") == comparable("sms", "+522222222222")
