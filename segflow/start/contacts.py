"""Which table the contacts are, and what its columns say about them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

import sqlglot
from sqlglot import exp

from segflow.specs.check_catalog import RESERVED
from segflow.start.names import contact_rank, is_id_name, is_secret, singular, unique, without_id, words
from segflow.start.plan import Choice, Contacts, Link, Made, Value, value_of
from segflow.start.profile import Table
from segflow.start.readings import Column
from segflow.warehouse.base import Warehouse
from segflow.warehouse.engines import WRITTEN_IN
from segflow.zones import known_zone

_LIKELY = 4.0
"""The least that a table of contacts scores."""
_NOT_CONTACTS = {"event", "log", "message", "history", "session", "visit", "click", "view", "order", "line", "item"}
_CREATED = {"created", "signup", "signed", "registered", "registration", "joined", "since", "added", "inserted", "seen"}
_CONSENT = {"subscribed", "subscribe", "consent", "optin", "newsletter", "marketing", "gdpr", "permission", "accepts"}
_REFUSED = {"unsubscribed", "optout", "unsubscribe", "blocked", "donotcontact"}
_SMS = {"sms", "phone", "mobile", "text", "whatsapp"}
_PHONE = {"phone", "mobile", "cell", "tel", "telephone", "msisdn", "handy", "telefon", "whatsapp"}
_AT = ("occurred", "happened", "timestamp", "time", "ts", "at", "created", "placed", "ordered", "date", "when", "on")
"""Words of the time of a row, the likeliest first."""
_NOT_AT = {
    "birthday",
    "birth",
    "updated",
    "modified",
    "deleted",
    "end",
    "until",
    "expires",
    "due",
    "shipped",
    "cancelled",
}
_ZONES_LOOKED_AT = 1_000


def score(table: Table, found: Sequence[Link]) -> float:
    """How much a table looks like one of contacts."""
    said = words(table.name)
    rank = contact_rank(table.name)
    total = 0.0 if rank is None else 6 - 0.1 * rank
    last = singular(table.name).split("_")[-1]
    total -= 4 if last in _NOT_CONTACTS or "events" in said else 0
    total += 4 if _own(email_of(table)) else 0
    total += 2 if _own(phone_of(table)) else 0
    total += 1 if first_name_of(table) else 0
    total += 1 if any(words(one.name) & {"birthday", "birth", "dob", "birthdate"} for one in table.columns) else 0
    total += 1 if any(words(one.name) & (_CONSENT | _REFUSED) for one in table.columns) else 0
    total += min(3.0, 1.5 * len({one.table for one in found if one.to_table == table.name}))
    total -= 3 if any(one.table == table.name and contact_rank(one.to_table) is not None for one in found) else 0
    return total


def _own(column: Column | None) -> bool:
    """Has (nearly) each row one of its own? Else the same people are in several rows."""
    return column is not None and column.different >= 0.8 * column.filled


def candidates(tables: Sequence[Table], found: Sequence[Link]) -> list[tuple[float, Table]]:
    """The tables that may be those of the contacts, the likeliest first."""
    scored = [(score(table, found), table) for table in tables if table.keys and table.rows]
    return sorted(((points, one) for points, one in scored if points >= _LIKELY), key=lambda one: -one[0])


def contacts_of(warehouse: Warehouse, table: Table, found: Sequence[Link], told: Callable[[Choice], None]) -> Contacts:
    """What the columns of the table of contacts say."""
    key = _key(table, found)
    column = table.column(key)
    told(Choice(f"contacts are the rows of {table.told}", _why_table(table, found)))
    told(Choice(f"their key is {column.theirs}", f"{table.rows:,} values, all different, none missing"))
    contacts = Contacts(table, key, [], model=table.model)
    add_attributes(warehouse, contacts, table.columns, told)
    return contacts


def _why_table(table: Table, found: Sequence[Link]) -> str:
    reasons = [f"{table.rows:,} rows"]
    if contact_rank(table.name) is not None:
        reasons.append("its name says so")
    if email := email_of(table):
        reasons.append(f"it has email addresses ({email.theirs})")
    elif phone := phone_of(table):
        reasons.append(f"it has phone numbers ({phone.theirs})")
    others = sorted({one.table for one in found if one.to_table == table.name})
    if others:
        reasons.append(f"{', '.join(others)} lead{'s' if len(others) == 1 else ''} to it")
    return ", ".join(reasons)


def _key(table: Table, found: Sequence[Link]) -> str:
    """The key that others lead to; of two such the likelier one by its name."""
    asked = [one.to_column for one in found if one.to_table == table.name]
    named = [one for one in table.keys if is_id_name(one)]
    return max(table.keys, key=lambda one: (one in named, asked.count(one), -table.keys.index(one)))


def add_attributes(
    warehouse: Warehouse, contacts: Contacts, columns: Sequence[Column], told: Callable[[Choice], None]
) -> None:
    """Make attributes of columns, and see what they stand for. What can be none is told by `left_out_columns`."""
    for column in columns:
        if column.name == contacts.key or not usable(column):
            continue
        name = column.name if column.name not in RESERVED else f"{column.name}_2"
        taken = [one.name for one in contacts.attributes]
        contacts.attributes.append(value_of(column, unique(name, taken)))
    kept = {one.column for one in contacts.attributes}
    here = [one for one in columns if one.name in kept]
    table = contacts.table
    if (email := email_of(table, columns)) is not None:
        contacts.email = _name(contacts, email)
        told(Choice(f"email goes to {email.theirs}", _shares(email, "emails", "look like an address")))
    if (phone := phone_of(table, columns)) is not None:
        contacts.phone = _name(contacts, phone)
        told(Choice(f"text messages go to {phone.theirs}", _shares(phone, "phones", "look like a number")))
    _consents(contacts, here, told)
    _zone(warehouse, contacts, here, told)
    _created(contacts, here, told)
    contacts.first_name = _name(contacts, first_name_of(table, columns))
    contacts.birthday = _first(contacts, here, ("date", "timestamp"), {"birthday", "birth", "dob", "birthdate", "born"})
    contacts.trial_end = next(
        (_name(contacts, one) for one in here
         if one.type in ("date", "timestamp") and "trial" in words(one.name)
         and words(one.name) & {"end", "until", "expires", "ended", "expiry"}),
        None,
    )  # fmt: skip


def usable(column: Column) -> bool:
    """Can a condition look at it, and should one?"""
    return column.type is not None and column.filled > 0 and not is_secret(column.name)


def left_out_columns(table: Table, kept: set[str]) -> list[str]:
    """What became of the columns that are in no place of the catalog."""
    told = []
    for column in table.columns:
        if column.name in kept:
            continue
        if is_secret(column.name):
            told.append(f"{table.name}.{column.theirs}: sounds like a secret, which segments and messages do without")
        elif not column.filled:
            told.append(f"{table.name}.{column.theirs}: has no values")
        elif column.type is None:
            told.append(f"{table.name}.{column.theirs}: no condition can look at values of its type")
    return told


def _name(contacts: Contacts, column: Column | None) -> str | None:
    return next((one.name for one in contacts.attributes if column is not None and one.column == column.name), None)


def _first(contacts: Contacts, columns: Sequence[Column], types: tuple[str, ...], said: set[str]) -> str | None:
    found = next((one for one in columns if one.type in types and words(one.name) & said), None)
    return _name(contacts, found)


def _shares(column: Column, what: str, told: str) -> str:
    missing = column.stats["rows"] - column.filled
    return f"{column.stats[what]:,} of {column.filled:,} values {told}, {missing:,} missing"


def email_of(table: Table, columns: Sequence[Column] | None = None) -> Column | None:
    """The column with email addresses, the fullest of them."""
    found = [one for one in columns or table.columns if one.type == "text" and one.share("emails") >= 0.7]
    return max(found, key=lambda one: (one.name == "email", one.filled, "email" in words(one.name)), default=None)


def phone_of(table: Table, columns: Sequence[Column] | None = None) -> Column | None:
    """The column with phone numbers."""
    found = [
        one
        for one in columns or table.columns
        if one.type == "text" and one.share("phones") >= 0.6 and words(one.name) & _PHONE
    ]
    return max(found, key=lambda one: one.filled, default=None)


def first_name_of(table: Table, columns: Sequence[Column] | None = None) -> Column | None:
    """The column to greet a contact with."""
    for said in ("first_name", "firstname", "given_name", "vorname", "forename", "full_name", "name", "display_name"):
        for one in columns or table.columns:
            if one.type == "text" and one.filled and one.name == said:
                return one
    return None


def _consents(contacts: Contacts, columns: Sequence[Column], told: Callable[[Choice], None]) -> None:
    """Which columns say whether somebody may be written to; those that say the opposite are turned round. Of a dbt
    model none can be turned, so that a plain yes or no comes first."""
    if contacts.table.source.model is not None:
        columns = sorted(columns, key=lambda one: one.type != "boolean" or _refuses(_consent_words(one)))
    for column in columns:
        said = _consent_words(column)
        refuses = _refuses(said)
        if not (said & _CONSENT or refuses):
            continue
        channel = "sms" if said & _SMS and "email" not in said else "email"
        if channel in contacts.consent or not (contacts.email if channel == "email" else contacts.phone):
            continue
        name = _name(contacts, column)
        assert name is not None
        if column.type == "boolean" and not refuses:
            contacts.consent[channel] = name
            told(Choice(f"consent for {channel} is {column.theirs}", f"a yes or no in {column.filled:,} rows"))
            continue
        made = _made_consent(contacts, column, channel, refuses)
        if made is not None:
            contacts.made.append(made)
            contacts.attributes.append(Value(made.name, made.name, "boolean", description=made.told))
            contacts.consent[channel] = made.name
            told(Choice(f"consent for {channel} is made of {column.theirs}", made.told))


def _consent_words(column: Column) -> set[str]:
    return words(column.name.replace("opt_in", "optin").replace("opt_out", "optout").replace("do_not", "donot"))


def _refuses(said: set[str]) -> bool:
    return bool(said & _REFUSED) or "donot" in said


def _made_consent(contacts: Contacts, column: Column, channel: str, refuses: bool) -> Made | None:
    held = exp.column(column.name, quoted=True)
    name = unique(f"{channel}_allowed", [one.name for one in contacts.attributes])
    if column.type == "boolean":
        return Made(name, "boolean", _sql("not coalesce(x, false)", held), f"not {column.name}")
    if column.type in ("date", "timestamp") and refuses:
        return Made(name, "boolean", _sql("x is null", held), f"where {column.name} is empty")
    if column.type in ("date", "timestamp") and "confirmed" not in words(column.name):
        return Made(name, "boolean", _sql("x is not null", held), f"where {column.name} has a time")
    return None


def _sql(text: str, held: exp.Expr) -> exp.Expr:
    return sqlglot.parse_one(text, dialect=WRITTEN_IN).transform(
        lambda node: held.copy() if isinstance(node, exp.Column) and node.name == "x" else node
    )


def _zone(warehouse: Warehouse, contacts: Contacts, columns: Sequence[Column], told: Callable[[Choice], None]) -> None:
    for column in columns:
        if column.type != "text" or column.share("zones") < 0.9:
            continue
        picked = exp.select(exp.column(column.name, quoted=True).as_("zone")).distinct()
        rows = warehouse.rows(picked.from_(contacts.table.typed.copy()).limit(_ZONES_LOOKED_AT))
        zones = [row["zone"] for row in rows if row["zone"] is not None]
        good = [zone for zone in zones if known_zone(zone)]
        if len(good) >= 0.9 * len(zones):
            contacts.time_zone = _name(contacts, column)
            told(
                Choice(
                    f"their time zone is {column.theirs}", f"{len(good):,} of {len(zones):,} different values are zones"
                )
            )
            return


def _created(contacts: Contacts, columns: Sequence[Column], told: Callable[[Choice], None]) -> None:
    now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S")
    for column in columns:
        said = words(column.name)
        if column.type not in ("date", "timestamp") or not said & _CREATED or said & {"last", "updated", "subscribed"}:
            continue
        if column.filled < 0.99 * column.stats["rows"]:
            continue
        iso = column.stats["days"] + column.stats["times"] == column.filled
        if iso and str(column.stats["highest"]) > now and str(column.stats["lowest"]) > now:
            continue
        name = _name(contacts, column)
        assert name is not None
        contacts.created_at = contacts.attribute(name)
        missing = column.stats["rows"] - column.filled
        told(Choice(f"contacts exist since {column.theirs}", f"{column.filled:,} times, {missing:,} missing"))
        return


def time_column(table: Table, taken: set[str]) -> Value | None:
    """The column that says when a row happened."""
    ranked = []
    for position, column in enumerate(table.columns):
        if column.type not in ("date", "timestamp") or column.name in taken or column.filled < 0.5 * table.looked_at:
            continue
        said = words(column.name)
        if said & _NOT_AT:
            continue
        rank = min((number for number, word in enumerate(_AT) if word in said), default=len(_AT))
        ranked.append((column.type == "date", rank, position, column))
    return value_of(min(ranked, key=lambda one: one[:3])[3]) if ranked else None


def contact_column(table: Table) -> str | None:
    """The column of a table of events that tells whose each row is, where there is no table of contacts."""
    ranked = [
        (contact_rank(without_id(one.name)), one.name)
        for one in table.columns
        if is_id_name(one.name) and without_id(one.name) and 1 < one.different < one.filled
        and contact_rank(without_id(one.name)) is not None
    ]  # fmt: skip
    if ranked:
        return min(ranked, key=lambda one: one[0] if one[0] is not None else 99)[1]
    email = email_of(table)
    return email.name if email is not None and email.different > 1 else None
