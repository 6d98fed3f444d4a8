"""Taking in the spool: what providers and contacts told `segflow serve` since the last tick.

A file is removed when what it says is in the delivery store, and what could not be read is laid aside. A tick that is
killed before that reads it again, which changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
from sqlglot import exp

from segflow import senders
from segflow.errors import ConfigurationError
from segflow.files import reason
from segflow.messages import CONTACT_CHANNELS
from segflow.outbox.consent_changes import ConsentChange, State
from segflow.outbox.provider_events import LINK, UNSUBSCRIBED, Answer
from segflow.outbox.spool import Call, Line, LinkUse, Record, Spool, UnreadableError
from segflow.senders.base import Sender
from segflow.senders.callbacks import Callback, RefusedCallbackError
from segflow.specs.project import Specs
from segflow.stages.tick_run import TickRun
from segflow.warehouse.base import Warehouse, relation

PAGE = "preference_page"
"""The source of what contacts chose there."""
_BYTES, _FILES = 16 * 1024 * 1024, 500
"""What is read at a time."""


def take_answers(run: TickRun) -> None:
    """Find the messages of what was told too early, and take in what waits in the spool. What cannot be read is laid
    aside and told in the report."""
    settings = run.project.specs.settings
    now = datetime.now(UTC)
    keep = now - settings.delivery.keep_unmatched.before(now, settings.zone)
    run.report.answers.add(run.project.store.provider_events.match(run.lease, run.row.tick_id, keep, now))
    spool = run.project.spool
    files = spool.files() if spool is not None else []
    if spool is None or not files:
        return
    ears = _Ears(run.project.specs, run.project.root)
    for part in _parts(files):
        _take(run, spool, part, ears)


def _parts(files: Sequence[Path]) -> Iterator[list[Path]]:
    part: list[Path] = []
    size = 0
    for file in files:
        part.append(file)
        try:
            size += file.stat().st_size
        except OSError:
            continue
        if size >= _BYTES or len(part) >= _FILES:
            yield part
            part, size = [], 0
    if part:
        yield part


def _take(run: TickRun, spool: Spool, files: Sequence[Path], ears: _Ears) -> None:
    report = run.report.answers
    told: list[Answer | LinkUse] = []
    done: list[Path] = []
    for file in files:
        try:
            lines = list(spool.lines(file))
        except OSError as error:
            report.refused[str(file)] = reason(error)
            continue
        for line in lines:
            report.records += 1
            try:
                told += ears.understand(line)
            except UnreadableError as error:
                report.refused[str(spool.refuse(file, line, str(error)))] = str(error)
        done.append(file)
    choices = [_of_topic(one, one.topic) for one in told if isinstance(one, LinkUse) and one.topic is not None]
    told = [one for one in told if not isinstance(one, LinkUse) or one.topic is None]
    uses = [one for one in told if isinstance(one, LinkUse)]
    now = _present_addresses(run, uses) if uses else {}
    answers = [_of_link(one, now) if isinstance(one, LinkUse) else one for one in told]
    run.project.store.consent_changes.record(choices)
    report.choices += len(choices)
    taken = run.project.store.provider_events.take(run.lease, answers)
    report.add(taken)
    spool.remove(done)


class _Ears:
    """Reads records with the senders of a project, made when they are first needed."""

    def __init__(self, specs: Specs, root: Path) -> None:
        self._specs, self._root = specs, root
        self._senders: dict[str, Sender] = {}

    def understand(self, line: Line) -> list[Answer | LinkUse]:
        """What a record says. Raises UnreadableError."""
        record: Record = line.read()
        return [record] if isinstance(record, LinkUse) else list(self._of_call(record))

    def _of_call(self, call: Call) -> list[Answer]:
        sender = self._sender(call.sender)
        given = {name: value for name, value in vars(call).items() if name not in ("sender", "id")}
        try:
            events = sender.events(Callback(**given))
        except RefusedCallbackError as error:
            raise UnreadableError(f"sender {call.sender}: {error.reason}") from error
        except Exception as error:
            # A defect of the sender. Its words may hold what the call held.
            raise UnreadableError(f"sender {call.sender} fails to read it: {type(error).__name__}") from error
        return [
            Answer(
                source=call.sender,
                event_id=one.event_id,
                kind=one.kind,
                at=one.at,
                channel=one.channel,
                message_id=one.message_id,
                provider_id=one.provider_id,
                addresses=(one.address,) if one.address else (),
                suppress=one.suppress,
            )
            for one in events
        ]

    def _sender(self, name: str) -> Sender:
        if name not in self._senders:
            settings = self._specs.settings.all_senders().get(name)
            if settings is None:
                raise UnreadableError(f"segflow.yml has no sender {name} any more")
            try:
                self._senders[name] = senders.build(name, settings.model_dump(), self._root)
            except ConfigurationError as error:
                raise UnreadableError(error.reason) from error
        return self._senders[name]


def _of_topic(use: LinkUse, topic: str) -> ConsentChange:
    """A topic is taken or left for every channel and category."""
    state: State = "opted_out" if use.kind == UNSUBSCRIBED else "opted_in"
    return ConsentChange(contact_id=use.contact_id, state=state, topic=topic, at=use.received_at, source=PAGE)


def _of_link(use: LinkUse, addresses: Mapping[tuple[str, str], str]) -> Answer:
    found = addresses.get((use.channel, use.contact_id))
    return Answer(
        source=LINK,
        event_id=use.id,
        kind=use.kind,
        at=use.received_at,
        channel=use.channel,
        message_id=use.message_id,
        addresses=(found,) if found else (),
        suppress=use.kind == UNSUBSCRIBED,
        once=use.kind == UNSUBSCRIBED,
    )


def _present_addresses(run: TickRun, uses: Sequence[LinkUse]) -> dict[tuple[str, str], str]:
    """Where contacts are reached now, which may not be where the message went: (channel, contact) -> address. Empty
    before the first tick has built contacts."""
    wanted = sorted({one.contact_id for one in uses if one.kind in (UNSUBSCRIBED, "subscribed")})
    channels = run.project.specs.catalog.contacts.channels
    columns: dict[str, str] = {
        channel: spec.address for channel in CONTACT_CHANNELS if (spec := channels.of(channel)) is not None
    }
    if not wanted or not columns:
        return {}
    with run.project.warehouse() as warehouse:
        if warehouse.bind(exp.select("contact_id", *columns.values()).from_(relation("contacts"))):
            return {}
        return dict(_addresses(warehouse, wanted, columns))


def _addresses(
    warehouse: Warehouse, wanted: Sequence[str], columns: Mapping[str, str]
) -> Iterator[tuple[tuple[str, str], str]]:
    staged = warehouse.stage("told_by", pa.table({"contact_id": pa.array(wanted, pa.string())}))
    asked = exp.select("contact_id", *dict.fromkeys(columns.values())).from_(relation("contacts"))
    asked = asked.where(exp.column("contact_id").isin(query=exp.select("contact_id").from_(staged)))
    for row in warehouse.rows(asked):
        for channel, column in columns.items():
            if row[column] is not None and str(row[column]).strip():
                yield (channel, row["contact_id"]), str(row[column]).strip()
