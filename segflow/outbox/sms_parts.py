"""How many parts a text message is sent and paid in.

The alphabet of GSM 03.38 takes 160 units in one part; a single other character turns the whole text into UCS-2, which
takes 70. Longer texts go in parts of 153 and 67: each carries a header. A character is never cut in two, so that a part
may end a unit early: of the two ways to count, this is the dearer one.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Encoding = Literal["GSM-7", "UCS-2"]

BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
"""The default alphabet, its escape left out: no text holds it."""
EXTENDED = frozenset("\f^{}\\[~]|€")
"""Characters that take two units: an escape, and a character of the default alphabet."""
IN_ONE: dict[Encoding, int] = {"GSM-7": 160, "UCS-2": 70}
IN_EACH: dict[Encoding, int] = {"GSM-7": 153, "UCS-2": 67}


@dataclass(frozen=True)
class Parts:
    """`units`: septets of GSM-7, or 16-bit units of UCS-2. `parts`: 0 for an empty text."""

    encoding: Encoding
    units: int
    parts: int


def as_sent(text: str) -> str:
    """A text in NFC: an é of two characters would turn 160 units into 70."""
    return unicodedata.normalize("NFC", text)


def sms_parts(text: str) -> Parts:
    """What a text takes as SMS, in the form in which it is sent."""
    text = as_sent(text)
    gsm = BASIC.union(EXTENDED).issuperset(text)
    encoding: Encoding = "GSM-7" if gsm else "UCS-2"
    sizes = [2 if (one in EXTENDED if gsm else ord(one) > 0xFFFF) else 1 for one in text]
    units = sum(sizes)
    return Parts(encoding, units, min(units, 1) if units <= IN_ONE[encoding] else _packed(sizes, IN_EACH[encoding]))


def _packed(sizes: Iterable[int], room: int) -> int:
    parts, used = 1, 0
    for size in sizes:
        if used + size > room:
            parts, used = parts + 1, 0
        used += size
    return parts
