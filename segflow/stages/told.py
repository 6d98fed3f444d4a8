"""Taking in what the catalog's model tells of messages, in place of calls of the providers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from segflow.models.build import build_told
from segflow.models.told import Told, told_since, unknown_kinds
from segflow.outbox.provider_events import UNSUBSCRIBED, Answer
from segflow.stages.tick_run import TickRun

_SUPPRESSING = ("complained", UNSUBSCRIBED)
_READ_TO = "told_to:"
"""With the model's name: up to where a tick has taken all that the model had then."""


def take_told(run: TickRun) -> None:
    """Take what the model has that no tick has taken. Raises RunError when it cannot be read."""
    source = run.project.specs.catalog.message_events
    if source is None:
        return
    store, answers = run.project.store, run.report.answers
    run.project.write_models()
    read_to = store.mark(f"{_READ_TO}{source.model}")
    since = None if read_to is None else datetime.fromisoformat(read_to) - timedelta(seconds=source.late_by.seconds)
    with run.open() as context:
        build_told(context)
        for part in told_since(context, source, since):
            answers.add(store.provider_events.take(run.lease, [_answer(one, source.model) for one in part]))
        if kinds := unknown_kinds(context, source, since):
            answers.passed_over = (
                f"no row of model {source.model} has a kind that segflow knows: column {source.kind} holds "
                f"{', '.join(kinds)}; name these under kinds: of message_events in the catalog"
            )


def told_is_taken(run: TickRun) -> None:
    """Say that this tick has taken all that was there; what it took is in the ledgers by now."""
    source = run.project.specs.catalog.message_events
    if source is not None:
        run.project.store.set_mark(f"{_READ_TO}{source.model}", run.row.as_of.isoformat(), run.lease)


def _answer(told: Told, model: str) -> Answer:
    at = told.at.replace(tzinfo=UTC)
    return Answer(
        # No sender can be called so.
        source=f"model:{model}",
        event_id=told.event_key or f"{told.kind}:{told.message_id}:{at.isoformat()}",
        kind=told.kind,
        at=at,
        channel=told.channel,
        message_id=told.message_id,
        suppress=told.kind in _SUPPRESSING or (told.kind == "bounced" and told.hard),
    )
