"""Addresses as they are handed to senders, and those that are refused."""

from __future__ import annotations

import pytest

from segflow.messages import ascii_domain, is_address, read_address
from segflow.outbox.addresses import InvalidAddressError, allowed, comparable, normal

# The numbers are of ranges that are kept for examples, or made up of one digit.
WRITTEN = {
    "as people write it": ("sms", "+44 (0)20 7946 0018", "+442079460018"),
    "Mexico, today": ("sms", "+52 222 222 2222", "+522222222222"),
    "Mexico, a mobile as it was written until 2019": ("sms", "+52 1 222 222 2222", "+522222222222"),
    "a domain in another alphabet": ("email", "hello@b\u00fccher.example", "hello@xn--bcher-kva.example"),
    "a domain in ASCII, in capitals": ("email", "hello@XN--BCHER-KVA.Example", "hello@xn--bcher-kva.example"),
    "other letters before the @": ("email", "j\u00f6rg@b\u00fccher.example", "j\u00f6rg@xn--bcher-kva.example"),
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


DOMAINS = {
    "plain": ("Shop.Example", "shop.example"),
    "letters": ("M\u00fcller.example", "xn--mller-kva.example"),
    "capital letters": ("M\u00dcLLER.EXAMPLE", "xn--mller-kva.example"),
    "ASCII, in capitals": ("XN--MLLER-KVA.Example", "xn--mller-kva.example"),
    "a sharp s": ("stra\u00dfe.example", "xn--strae-oqa.example"),
    "wide signs and their dot": ("\uff53hop\u3002example", "shop.example"),
    "an underscore": ("a_b.example", "a_b.example"),
}


@pytest.mark.parametrize(("domain", "expected"), DOMAINS.values(), ids=DOMAINS)
def test_domains(domain: str, expected: str) -> None:
    assert ascii_domain(domain) == expected
    assert read_address(f"Ana <ana@{domain}>") == ("Ana", f"ana@{expected}")


@pytest.mark.parametrize("domain", ["xn--zzzzzzzz999.example", "m\u00fcl ler.example", "\u00fc" * 70 + ".example"])
def test_what_is_no_domain(domain: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        ascii_domain(domain)
    assert not is_address(f"ana@{domain}")


READ = {
    "bare": ("a@b.example", ("", "a@b.example")),
    "with a name": ("Tea, Inc <a@B.example>", ("Tea, Inc", "a@b.example")),
    "a quoted name": ('"Tea, Inc" <a@b.example>', ("Tea, Inc", "a@b.example")),
    "other letters": ("Zo\u00eb <zo\u00eb.x@b\u00fccher.example>", ("Zo\u00eb", "zo\u00eb.x@xn--bcher-kva.example")),
    "a quoted part": ('"a b"@b.example', ("", '"a b"@b.example')),
}
NO_ADDRESS = ["", "a", "@b.example", "a@", "a@b, c@d", "a b@c.example",
              "zo\u00eb b@c.example", '"zo\u00eb b"@c.example',
              "zo\u00eb\u2028@c.example", "zo\u00eb..x@c.example", "a@b.example\nBcc: c@d.example"]  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), READ.values(), ids=READ)
def test_addresses_that_are_read(text: str, expected: tuple[str, str]) -> None:
    assert read_address(text) == expected


@pytest.mark.parametrize("text", NO_ADDRESS)
def test_what_is_no_address(text: str) -> None:
    assert not is_address(text)


ALLOWED = {
    "letters on the list": ("*@m\u00fcller.example", "ana@xn--mller-kva.example", True),
    "letters in the address": ("*@xn--mller-kva.example", "ana@m\u00fcller.example", True),
    "letters on both sides": ("*@m\u00fcller.example", "ana@m\u00fcller.example", True),
    "capitals on the list": ("*@M\u00dcLLER.Example", "ana@m\u00fcller.example", True),
    "ASCII capitals on the list": ("*@XN--MLLER-KVA.EXAMPLE", "ana@m\u00fcller.example", True),
    "blanks around": (" *@m\u00fcller.example ", "ana@m\u00fcller.example", True),
    "other letters before the @": ("*@m\u00fcller.example", "j\u00f6rg@xn--mller-kva.example", True),
    "an address, letters on the list": ("ana@m\u00fcller.example", "Ana@xn--mller-kva.example", True),
    "an address, letters in it": ("ana@xn--mller-kva.example", "ana@m\u00fcller.example", True),
    "an address with other letters": ("j\u00f6rg@xn--mller-kva.example", "j\u00f6rg@m\u00fcller.example", True),
    "ss is not a sharp s": ("*@strasse.example", "ana@stra\u00dfe.example", False),
    "a sharp s is not ss": ("*@stra\u00dfe.example", "ana@strasse.example", False),
    "a subdomain": ("*@m\u00fcller.example", "ana@mail.m\u00fcller.example", False),
    "the end of another": ("*@m\u00fcller.example", "ana@xm\u00fcller.example", False),
    "nothing behind the sign": ("*@", "ana@m\u00fcller.example", False),
}


@pytest.mark.parametrize(("entry", "address", "expected"), ALLOWED.values(), ids=ALLOWED)
def test_the_allowlist_knows_both_forms_of_a_domain(entry: str, address: str, expected: bool) -> None:
    assert allowed([entry], "email", address) is expected
    assert allowed(["+442079460018", entry], "email", normal("email", address)) is expected


@pytest.mark.parametrize("local", ["ana", "j\u00f6rg"])
def test_a_suppression_covers_both_forms_of_a_domain(local: str) -> None:
    written = [f"{local}@m\u00fcller.example", f"{local}@M\u00dcLLER.example", f"{local}@XN--MLLER-KVA.example"]
    assert len({comparable("email", one) for one in written}) == 1
    assert comparable("email", written[0]) != comparable("email", f"{local}@mueller.example")
