"""How many parts a text message takes."""

from __future__ import annotations

import pytest

from segflow.outbox.sms_parts import BASIC, EXTENDED, Parts, as_sent, sms_parts

COUNTED: dict[str, tuple[str, Parts]] = {
    "empty": ("", Parts("GSM-7", 0, 0)),
    "one letter": ("a", Parts("GSM-7", 1, 1)),
    "160 letters": ("a" * 160, Parts("GSM-7", 160, 1)),
    "161 letters": ("a" * 161, Parts("GSM-7", 161, 2)),
    "two full parts": ("a" * 306, Parts("GSM-7", 306, 2)),
    "one more": ("a" * 307, Parts("GSM-7", 307, 3)),
    "accents of the alphabet": ("è" * 160, Parts("GSM-7", 160, 1)),
    "a line break": ("a\n" * 80, Parts("GSM-7", 160, 1)),
    "euros count two": ("€" * 80, Parts("GSM-7", 160, 1)),
    "one euro more": ("€" * 80 + "a", Parts("GSM-7", 161, 2)),
    "an escape is not cut in two": ("a" * 152 + "€" + "a" * 152, Parts("GSM-7", 306, 3)),
    "brackets and a form feed": ("[{~^|\\}]\f", Parts("GSM-7", 18, 1)),
    "70 of another alphabet": ("я" * 70, Parts("UCS-2", 70, 1)),
    "71 of another alphabet": ("я" * 71, Parts("UCS-2", 71, 2)),
    "134 of another alphabet": ("я" * 134, Parts("UCS-2", 134, 2)),
    "135 of another alphabet": ("я" * 135, Parts("UCS-2", 135, 3)),
    "a c with a cedilla is none of GSM's": ("ç" + "a" * 70, Parts("UCS-2", 71, 2)),
    "a capital one is": ("Ç" + "a" * 70, Parts("GSM-7", 71, 1)),
    "a curly quote": ("\u2019" + "a" * 69, Parts("UCS-2", 70, 1)),
    "a backquote": ("`", Parts("UCS-2", 1, 1)),
    "35 emoji": ("😀" * 35, Parts("UCS-2", 70, 1)),
    "36 emoji": ("😀" * 36, Parts("UCS-2", 72, 2)),
    "an emoji is not cut in two": ("я" * 66 + "😀" + "я" * 66, Parts("UCS-2", 134, 3)),
    "an emoji of several": ("👩‍👧", Parts("UCS-2", 5, 1)),
    "decomposed letters": ("e\u0300" * 160, Parts("GSM-7", 160, 1)),
    "a euro in UCS-2 is one": ("я€", Parts("UCS-2", 2, 1)),
}


@pytest.mark.parametrize(("text", "parts"), COUNTED.values(), ids=COUNTED.keys())
def test_parts(text: str, parts: Parts) -> None:
    assert sms_parts(text) == parts


def test_the_alphabet_has_all_its_places() -> None:
    assert (len(BASIC), len(EXTENDED), BASIC & EXTENDED) == (127, 10, frozenset())


def test_a_text_is_sent_composed() -> None:
    assert as_sent("Cafe\u0301") == "Café"
