"""Addresses that are kept as a hash alone: enough to know one again, and no list that anybody could read.

The form is `sha256$SALT$HEX`, where HEX is the SHA-256 of the salt (its digits as they stand) and the address in the
form in which two are compared. An empty salt is the plain SHA-256 that other tools exchange. It keeps addresses from
being read, not from being guessed: who has the list can try numbers one by one.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Collection

from segflow.outbox.addresses import InvalidAddressError, comparable, normal

_HASH = re.compile(r"sha256\$([0-9a-f]{0,64})\$([0-9a-f]{64})")
_BARE = re.compile(r"[0-9a-f]{64}")


def new_salt() -> str:
    """A salt that nobody else has."""
    return secrets.token_hex(16)


def hashed(channel: str, address: str, salt: str) -> str:
    """The hash of an address, in whatever way it is written."""
    return _hash(comparable(channel, address), salt)


def read_hash(text: str) -> str | None:
    """The hash that a text is, in the form in which they are kept; None for a text that is none."""
    given = text.strip().lower()
    if _BARE.fullmatch(given):
        return f"sha256$${given}"
    return given if _HASH.fullmatch(given) else None


def salt_of(kept: str) -> str:
    """The salt of a hash as it is kept."""
    return kept.split("$")[1]


def keys(channel: str, address: str, salts: Collection[str]) -> list[str]:
    """All under which a list may know an address: its comparable form first, then its hashes."""
    key = comparable(channel, address)
    if not (found := sorted(salts)):
        return [key]
    # Others hash the form in which numbers are dialled.
    forms = dict.fromkeys([key, _dialled(channel, address) or key])
    return [key, *(_hash(form, salt) for salt in found for form in forms)]


def _dialled(channel: str, address: str) -> str | None:
    try:
        return normal(channel, address).casefold()
    except InvalidAddressError:
        return None


def _hash(form: str, salt: str) -> str:
    return f"sha256${salt}${hashlib.sha256((salt + form).encode()).hexdigest()}"
