"""Names: from those of files, tables and columns to identifiers, and what their words tell."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence

_LONGEST = 54
"""Of an identifier, so that a prefix has room."""
_FOLD = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss", "æ": "ae", "ø": "o", "ł": "l"})

CONTACT_WORDS = (
    "customer", "contact", "subscriber", "user", "member", "client", "person", "people", "lead", "profile", "buyer",
    "student", "patient", "guest", "donor", "recipient", "consumer", "shopper", "patron", "account", "kunde", "kunden",
    "nutzer", "abonnent",
)  # fmt: skip
"""What tables of contacts are called, the likeliest first."""
OBJECT_WORDS = (
    "order", "purchase", "invoice", "subscription", "booking", "reservation", "contract", "ticket", "deal", "payment",
    "membership", "policy", "license", "licence", "device", "pet", "vehicle", "loan", "project", "workspace", "quote",
    "line", "item", "transaction", "sale", "return", "refund", "shipment", "trial", "plan", "bestellung", "rechnung",
)  # fmt: skip
"""What tables are called whose rows are things that contacts have."""
SECRET_WORDS = (
    "password", "passwd", "pwd", "hash", "salt", "token", "secret", "ssn", "iban", "cvv", "pin", "api_key",
    "apikey", "card_number", "credit_card",
)  # fmt: skip
"""What nobody needs in a segment or a message."""
_ID_WORDS = {
    "id",
    "key",
    "no",
    "nr",
    "num",
    "number",
    "code",
    "uuid",
    "guid",
    "ref",
    "uid",
    "sku",
    "pk",
    "fk",
    "handle",
}
_IRREGULAR = {"people": "person", "news": "news", "status": "status", "addresses": "address", "kunden": "kunde"}


def identifier(text: str, default: str = "column") -> str:
    """A name as an Identifier: lower case, words joined by underscores; `default` when nothing is left."""
    # camelCase and HTTPStatus are words, too.
    parted = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", text)
    folded = unicodedata.normalize("NFKD", parted.lower().translate(_FOLD))
    plain = "_".join(re.findall(r"[a-z0-9]+", folded.encode("ascii", "ignore").decode()))
    plain = re.sub(r"(^|_)e_mail(?=_|$)", r"\1email", plain)
    if plain[:1].isdigit():
        plain = f"{default}_{plain}"
    return (plain or default)[:_LONGEST].rstrip("_")


def unique(name: str, taken: Iterable[str]) -> str:
    """The name, with a number when it is taken."""
    others = set(taken)
    number, found = 2, name
    while found in others:
        found = f"{name}_{number}"
        number += 1
    return found


def identifiers(names: Sequence[str], default: str = "column") -> list[str]:
    """An identifier for each name, all of them different."""
    found: list[str] = []
    for number, name in enumerate(names, start=1):
        made = identifier(name, default)
        found.append(unique(f"{default}_{number}" if made == default and name.lower() != default else made, found))
    return found


def singular(name: str) -> str:
    """An identifier with its last word in the singular: `order_items` is `order_item`."""
    *before, last = name.split("_")
    if last in _IRREGULAR:
        last = _IRREGULAR[last]
    elif last.endswith("ies") and len(last) > 4:
        last = f"{last[:-3]}y"
    elif last.endswith(("sses", "xes", "ches", "shes")):
        last = last[:-2]
    elif last.endswith("s") and not last.endswith(("ss", "us", "is")) and len(last) > 3:
        last = last[:-1]
    return "_".join([*before, last])


def words(name: str) -> set[str]:
    """The words of an identifier, each also in the singular."""
    parts = name.split("_")
    return {*parts, *(singular(part) for part in parts)}


def contact_rank(name: str) -> int | None:
    """How likely a table, or a column without its `id`, is called for contacts: 0 is the likeliest. None: it is not."""
    said = words(name)
    last = singular(name).split("_")[-1]
    ranks = [rank for rank, word in enumerate(CONTACT_WORDS) if word == last]
    ranks += [rank + 1 for rank, word in enumerate(CONTACT_WORDS) if word in said and word != last]
    return min(ranks, default=None)


def is_id_name(name: str) -> bool:
    """Is a column called as ids are?"""
    return name.split("_")[-1] in _ID_WORDS or name in _ID_WORDS


def without_id(name: str) -> str:
    """`customer_id` is `customer`; empty for `id`."""
    parts = name.split("_")
    while parts and parts[-1] in _ID_WORDS:
        parts.pop()
    return "_".join(parts)


def is_secret(name: str) -> bool:
    """Does a column sound as if it held what nobody should see?"""
    return any(word in name if "_" in word else word in name.split("_") for word in SECRET_WORDS)
