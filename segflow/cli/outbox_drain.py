"""`segflow outbox drain`: sending without a tick."""

from __future__ import annotations

import signal
from threading import Event
from types import FrameType
from typing import TYPE_CHECKING, Annotated, Any

import typer
from pydantic_core import PydanticCustomError

from segflow.cli.shared import options_of, project_of
from segflow.errors import InputError

if TYPE_CHECKING:
    from segflow.outbox.send import SendReport


def outbox_drain(
    context: typer.Context,
    sender: Annotated[
        list[str] | None, typer.Option("--sender", help="Only the queue of this sender. May be repeated.")
    ] = None,
    watch: Annotated[bool, typer.Option("--watch", help="Go on until stopped, beside the schedule.")] = False,
    every: Annotated[str, typer.Option(help="With --watch: how often to look.")] = "10 seconds",
) -> None:
    """Send what is due, without a tick: retries, messages that were held until now, what somebody released.

    Contacts are as the last tick built them. A tick that wants to begin is let in between two messages."""
    from segflow.cli import show

    project, json, only = project_of(context), options_of(context).json, sender or ()
    if watch:
        _watch(project, only, _seconds(every), json)
        return
    report = project.drain(only)
    _tell(report, json)
    if not json and not report.outcomes and not report.stopped:
        show.out.print("Nothing is due.")
    for problem in report.errors:
        show.error(problem)
    if report.errors:
        raise typer.Exit(1)


def _watch(project: Any, only: Any, seconds: float, json: bool) -> None:
    from segflow.cli import show
    from segflow.stages.between import watch

    ended = Event()

    def end(number: int, frame: FrameType | None) -> None:
        ended.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, end)

    def told(report: SendReport) -> None:
        if report.outcomes or report.errors:
            _tell(report, json)
        for problem in report.errors:
            show.error(problem)

    _ = project.specs
    show.errors.print(f"Looking every {seconds:g} s for messages that are due; Ctrl-C ends it.")
    watch(project, only, seconds, ended, told, show.error)


def _tell(report: SendReport, json: bool) -> None:
    from segflow.cli import show

    if json:
        show.as_json(show.send_data(report))
    else:
        show.send_report(report)


def _seconds(every: str) -> float:
    from segflow.durations import Duration

    try:
        duration = Duration.parse(every)
    except PydanticCustomError as error:
        raise InputError(f"--every {every}: {error}") from error
    if duration.months or duration.seconds < 1:
        raise InputError(f"--every {every}: give seconds, minutes or hours, like 10 seconds")
    return float(duration.seconds)
