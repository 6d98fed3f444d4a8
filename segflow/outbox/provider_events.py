"""What came back from outside, each thing once: it becomes events of messages, and suppressions.

Everything that was told is kept by its source and the source's own id of it, so that what is told again changes
nothing, however often a tick is killed on the way.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, delete, select, tuple_, update

from segflow.outbox import unmatched
from segflow.outbox.addresses import comparable
from segflow.outbox.database import Database
from segflow.outbox.hashes import keys as all_keys
from segflow.outbox.lease import Lease, LeaseTable
from segflow.outbox.schema import (
    attempts,
    marks,
    message_events,
    messages,
    provider_events,
    suppressions,
    unmatched_events,
)
from segflow.outbox.suppressions import not_hidden, salts_in

UNSUBSCRIBED, SUBSCRIBED = "unsubscribed", "subscribed"
LINK = "link"
"""The source of what people do with signed links; all others are senders."""
_BATCH = 1000
_KEPT = ("source", "event_id", "kind", "at", "channel", "message_id", "provider_id", "suppress", "once")
_MATCHED_TO = "events_matched_to"
"""The tick that looked last at what was told too early."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """One thing that came back. `addresses`: whom it is about, where the message does not say it. `suppress`: they must
    not be messaged again on the channel; with kind `subscribed` they may again."""

    source: str
    event_id: str
    kind: str
    at: datetime
    channel: str
    message_id: str | None = None
    provider_id: str | None = None
    addresses: tuple[str, ...] = ()
    suppress: bool = False
    once: bool = False
    """However often it happens, it is one event of its message."""

    @property
    def acts(self) -> bool:
        """It suppresses an address, or lifts that."""
        return self.suppress or self.kind == SUBSCRIBED

    @property
    def about_a_message(self) -> bool:
        return (self.message_id or self.provider_id) is not None

    @property
    def event_key(self) -> str:
        """What it is told apart by among the events of one kind of its message."""
        return self.source if self.once else self.event_id


@dataclass
class Taken:
    """What became of answers, in numbers."""

    new: int = 0
    repeated: int = 0
    unmatched: int = 0
    """New ones of messages that this store does not know."""
    suppressed: int = 0
    lifted: int = 0
    matched_later: int = 0
    """Told earlier, of messages that were not known then and are now."""
    given_up: int = 0
    """Told long ago, of messages that are still not known."""

    def add(self, other: Taken) -> None:
        """What became of further ones."""
        for name, number in other.numbers().items():
            setattr(self, name, getattr(self, name) + number)

    def numbers(self) -> dict[str, int]:
        return {one.name: getattr(self, one.name) for one in fields(Taken)}


class ProviderEvents:
    """The part of the delivery store that holds them."""

    def __init__(self, database: Database, leases: LeaseTable) -> None:
        self._database, self._leases = database, leases

    def take(self, lease: Lease, answers: Sequence[Answer]) -> Taken:
        """Keep what is new, in one transaction. Repeating it changes nothing."""
        taken = Taken()
        with self._database.write("provider_events") as connection:
            self._leases.check_in(connection, lease)
            for start in range(0, len(answers), _BATCH):
                self._take(connection, answers[start : start + _BATCH], taken)
        return taken

    def preview(self, answers: Sequence[Answer]) -> list[dict[str, Any]]:
        """The rows that `message_events` would have of them, were they taken: as `MessageEvents.waiting` gives them."""
        columns = [messages.c[name] for name in ("message_id", "flow", "step", "contact_id", "channel")]
        found: list[dict[str, Any]] = []
        with self._database.read() as connection:
            for start in range(0, len(answers), _BATCH):
                some = answers[start : start + _BATCH]
                message_of = _messages(connection, some)
                asked = select(*columns).where(messages.c.message_id.in_(set(message_of.values())))
                rows = {row.message_id: dict(row._mapping) for row in connection.execute(asked)}
                found += [
                    {**rows[message_of[one]], "kind": one.kind, "at": one.at, "event_key": one.event_key}
                    for one in some
                    if one in message_of
                ]
        return found

    def _take(self, connection: Connection, answers: Sequence[Answer], taken: Taken) -> None:
        given = {(one.source, one.event_id): one for one in reversed(answers)}
        key = tuple_(provider_events.c.source, provider_events.c.event_id)
        asked = select(provider_events.c.source, provider_events.c.event_id).where(key.in_(list(given)))
        known = {(row.source, row.event_id) for row in connection.execute(asked)}
        new = [one for name, one in reversed(given.items()) if name not in known]
        taken.new += len(new)
        taken.repeated += len(answers) - len(new)
        if not new:
            return
        message_of = _messages(connection, new)
        keys = _keys(connection, new, message_of)
        self._apply(connection, new, message_of, keys, taken)
        taken.unmatched += sum(one.about_a_message and one not in message_of for one in new)
        now = datetime.now(UTC)
        waiting = [
            {name: getattr(one, name) for name in _KEPT} | {"rows": len(keys.get(one) or [None]), "recorded_at": now}
            for one in new
            if one.about_a_message and not _complete(one, message_of, keys)
        ]
        if waiting:
            connection.execute(self._database.insert_or_ignore(unmatched_events), waiting)

    def match(self, lease: Lease, tick_id: str, keep: timedelta, now: datetime) -> Taken:
        """Find the messages of what was told before they were known, and give up what was told longer ago than `keep`.
        `tick_id` is at work: what is settled from now on is looked at by the next one. One transaction."""
        taken = Taken()
        with self._database.read() as connection:
            if unmatched.is_empty(connection):
                return taken
        with self._database.write("match_events") as connection:
            self._leases.check_in(connection, lease)
            since = connection.scalar(select(marks.c.value).where(marks.c.name == _MATCHED_TO))
            found = unmatched.known_now(connection, since)
            for start in range(0, len(found), _BATCH):
                waiting = {_again(row): row for row in found[start : start + _BATCH]}
                message_of = _messages(connection, waiting)
                keys = _keys(connection, list(waiting), message_of)
                mine = [one for one in waiting if _complete(one, message_of, keys)]
                self._apply(connection, mine, message_of, keys, taken, {one: waiting[one].rows for one in mine})
                unmatched.forget(connection, [waiting[one] for one in mine])
                taken.matched_later += len(mine)
            taken.given_up = unmatched.give_up(connection, now - keep)
            mark = [{"name": _MATCHED_TO, "value": tick_id}]
            connection.execute(self._database.insert_or_update(marks, "value"), mark)
        return taken

    def _apply(
        self,
        connection: Connection,
        new: Sequence[Answer],
        message_of: Mapping[Answer, str],
        keys: Mapping[Answer, Sequence[str]],
        taken: Taken,
        before: Mapping[Answer, int] | None = None,
    ) -> None:
        """Keep them, and do what they say. `before`: how many rows there are of each."""
        before, now = before or {}, datetime.now(UTC)
        if not new:
            return
        rows = [
            {
                "source": one.source,
                "event_id": one.event_id,
                "ordinal": number,
                "kind": one.kind,
                "at": one.at,
                "channel": one.channel,
                "message_id": message_of.get(one, one.message_id),
                "provider_id": one.provider_id,
                "address": digest(one.channel, address) if address is not None else None,
                "recorded_at": now,
            }
            for one in new
            for number, address in enumerate(keys.get(one) or [None], before.get(one, 0))
        ]
        connection.execute(self._database.insert_or_ignore(provider_events), rows)
        events = [
            {
                "message_id": message_of[one],
                "kind": one.kind,
                "event_key": one.event_key,
                "at": one.at,
                "recorded_at": now,
                "tick_id": None,
            }
            for one in new
            if one in message_of
        ]
        if events:
            connection.execute(self._database.insert_or_ignore(message_events), events)
        self._suppress(connection, {one: keys[one] for one in new if one in keys}, now, taken)

    def _suppress(
        self, connection: Connection, keys: Mapping[Answer, Sequence[str]], now: datetime, taken: Taken
    ) -> None:
        """Bounces and complaints stay for ever; of unsubscribing and subscribing the later one counts, in whatever
        order they are told."""
        salts = salts_in(connection)

        def anyhow(pairs: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
            """The keys of the list under which they may stand, by their hashes, too."""
            return sorted({(channel, key) for channel, address in pairs for key in all_keys(channel, address, salts)})

        place = tuple_(suppressions.c.channel, suppressions.c.address)
        by_choice = suppressions.c.reason == UNSUBSCRIBED
        for_good: dict[str, dict[tuple[str, str], str]] = {}
        for one in keys:
            if one.kind not in _BY_CHOICE:
                reason = _REASONS.get(one.kind, one.kind)
                for_good.setdefault(reason, {}).update({(one.channel, key): reason for key in keys[one]})
        for kind, reasons in for_good.items():
            taken.suppressed += self._insert(connection, reasons, now)
            for some in _portions(anyhow(reasons)):
                connection.execute(update(suppressions).where(place.in_(some), by_choice).values(reason=kind))
        chosen = {(one.channel, key) for one in keys if one.kind in _BY_CHOICE for key in keys[one]}
        if not chosen:
            return
        last = _last_words(connection, {(channel, digest(channel, key)) for channel, key in chosen})
        off = {pair: UNSUBSCRIBED for pair in chosen if last[pair[0], digest(*pair)]}
        taken.suppressed += self._insert(connection, off, now)
        for some in _portions(anyhow(chosen - set(off))):
            taken.lifted += connection.execute(delete(suppressions).where(place.in_(some), by_choice)).rowcount

    def _insert(self, connection: Connection, reasons: Mapping[tuple[str, str], str], now: datetime) -> int:
        rows = [
            {"channel": channel, "address": address, "reason": reason, "recorded_at": now}
            for (channel, address), reason in sorted(reasons.items())
        ]
        new = not_hidden(connection, rows)
        return connection.execute(self._database.insert_or_ignore(suppressions), new).rowcount if new else 0


def _keys(
    connection: Connection, answers: Sequence[Answer], message_of: Mapping[Answer, str]
) -> dict[Answer, list[str]]:
    """Of those that suppress or lift: the addresses that they act on, as suppressions compare them."""
    acting = [one for one in answers if one.acts]
    reached = _addresses(connection, {message_of[one] for one in acting if one in message_of})
    return {
        one: sorted(
            {
                comparable(one.channel, address)
                for address in (*one.addresses, *reached.get((message_of.get(one), one.channel), ()))
            }
        )
        for one in acting
    }


def _complete(one: Answer, message_of: Mapping[Answer, str], keys: Mapping[Answer, Sequence[str]]) -> bool:
    """Is all known that it needs? A message that was planned and is not sent yet has no address."""
    return one in message_of and (not one.acts or bool(keys[one]))


def _again(row: Row[Any]) -> Answer:
    """What was told, as far as it was kept: what its own addresses are for was done then."""
    return Answer(**{name: row._mapping[name] for name in _KEPT})


def digest(channel: str, address: str) -> str:
    """What stands for an address in `provider_events`: enough to find what else was told of it."""
    return hashlib.sha256(f"{channel}:{address}".encode(errors="replace")).hexdigest()


def _portions(pairs: Sequence[tuple[str, str]]) -> Iterator[Sequence[tuple[str, str]]]:
    """As many as one statement takes."""
    for start in range(0, len(pairs), 5 * _BATCH):
        yield pairs[start : start + 5 * _BATCH]


def _last_words(connection: Connection, digests: set[tuple[str, str]]) -> dict[tuple[str, str], bool]:
    """(channel, digest) -> did who is reached there unsubscribe last?"""
    columns = (provider_events.c.channel, provider_events.c.address, provider_events.c.kind, provider_events.c.at)
    last: dict[tuple[str, str], tuple[datetime, bool]] = {}
    for some in _portions(sorted(digests)):
        of = tuple_(provider_events.c.channel, provider_events.c.address).in_(some)
        for row in connection.execute(select(*columns).where(of, provider_events.c.kind.in_(_BY_CHOICE))):
            # At the same moment unsubscribing counts: one message too few harms less than one too many.
            said = (row.at, row.kind == UNSUBSCRIBED)
            last[row.channel, row.address] = max(last.get((row.channel, row.address), said), said)
    return {pair: unsubscribed for pair, (_, unsubscribed) in last.items()}


_REASONS = {"failed": "inactive"}
"""Why an address is suppressed, where the kind does not say it: it is on the provider's own list."""
_BY_CHOICE = (UNSUBSCRIBED, SUBSCRIBED)


def _messages(connection: Connection, answers: Iterable[Answer]) -> dict[Answer, str]:
    """The message of each answer that has one here: as it names it, or else by the provider's id of it."""
    named = {one.message_id for one in answers if one.message_id is not None}
    asked = select(messages.c.message_id).where(messages.c.message_id.in_(named))
    known = {row.message_id for row in connection.execute(asked)} if named else set()
    found = {one: one.message_id for one in answers if one.message_id is not None and one.message_id in known}
    theirs = {one.provider_id for one in answers if one not in found and one.provider_id is not None}
    if theirs:
        by_id: dict[str, set[tuple[str | None, str]]] = {}
        tried = select(attempts.c.provider_id, attempts.c.sender, attempts.c.message_id)
        for row in connection.execute(tried.where(attempts.c.provider_id.in_(theirs)).distinct()):
            by_id.setdefault(row.provider_id, set()).add((row.sender, row.message_id))
        for one in answers:
            if one in found or one.provider_id is None:
                continue
            rows = by_id.get(one.provider_id, set())
            # A sender may bear another name by now; of several messages only one of its own will do.
            own = {message for sender, message in rows if sender == one.source} or {message for _, message in rows}
            if len(own) == 1:
                found[one] = own.pop()
    return found


def _addresses(connection: Connection, message_ids: set[str]) -> dict[tuple[str | None, str], set[str]]:
    """Where messages went: (message, channel) -> addresses."""
    found: dict[tuple[str | None, str], set[str]] = {}
    if message_ids:
        joined = attempts.join(messages, messages.c.message_id == attempts.c.message_id)
        rows = (
            select(messages.c.message_id, messages.c.channel, attempts.c.address)
            .select_from(joined)
            .where(messages.c.message_id.in_(message_ids), attempts.c.address.is_not(None))
        )
        for row in connection.execute(rows.distinct()):
            found.setdefault((row.message_id, row.channel), set()).add(row.address)
    return found
