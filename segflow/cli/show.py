"""How results look on a terminal and as JSON. Every command prints through here."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.text import Text

from segflow.cli.grid import Branch, grid
from segflow.cli.grid import tree as tree_lines
from segflow.cli.screen import Screen

if TYPE_CHECKING:
    from segflow.exports.due import Export
    from segflow.outbox.send import SendReport
    from segflow.stages.tick_report import TickReport

_FORMATS = {".csv": "CSV", ".parquet": "Parquet", ".jsonl": "JSON lines"}

errors = Screen(stderr=True, highlight=False)
out = Screen(highlight=False)


def as_json(value: Any) -> None:
    """Print `value` as JSON on stdout: times in ISO form, paths as text."""
    print(json.dumps(_finite(value), default=_plain, ensure_ascii=False, indent=2))


def table(
    rows: Sequence[Mapping[str, Any]], columns: Sequence[str], title: str | None = None, *, heads: bool = True
) -> None:
    """Print rows as a table; numbers are right-aligned. One that is too wide for the terminal becomes blocks."""
    right = {
        at for at, name in enumerate(columns) if any(isinstance(row.get(name), (int, float, Decimal)) for row in rows)
    }
    cells = [[Text(_cell(row.get(name))) for name in columns] for row in rows]
    if title:
        out.print(Text(title, style="bold"))
    lines(grid([name.replace("_", " ") if heads else "" for name in columns], cells, out.width, right=right))


def tree(root: Branch) -> None:
    """Print a tree."""
    lines(tree_lines(root, out.width))


def lines(made: Sequence[Text]) -> None:
    """Print lines that fit already."""
    for line in made:
        out.verbatim(line)


def error(text: str) -> None:
    """Print an error on stderr, exactly as it is."""
    errors.print(text, style="red", markup=False, soft_wrap=True)


def report_data(report: TickReport) -> dict[str, Any]:
    """A tick's report as plain data, for `--format json`."""
    return {
        "tick_id": report.tick_id,
        "as_of": report.as_of,
        "resumed": report.resumed,
        "already_done": report.already_done,
        "contacts": report.contacts,
        "null_contacts": report.null_contacts,
        "unknown_zones": report.unknown_zones,
        "facts": report.facts,
        "memberships": report.memberships,
        "imports": [vars(one) for one in report.imports],
        "segments": [vars(one) for one in report.segments],
        "flows": [vars(one) for one in report.flows],
        "answers": report.answers.numbers(),
        "messages": report.sent.outcomes,
        "sending_stopped": report.sent.stopped,
        "exports": [_export_data(one) for one in report.exports],
        "seconds": {name: round(spent, 3) for name, spent in report.seconds.items()},
        "dbt_seconds": round(report.dbt_seconds, 3),
        "warnings": report.warnings,
        "errors": report.errors,
    }


def _export_data(one: Export) -> dict[str, Any]:
    return {name: value for name, value in vars(one).items() if name not in ("shape", "size")}


def tick_report(report: TickReport, root: Path) -> None:
    """Print what a tick did."""
    from segflow.models.build_plans import told as facts_told

    if report.already_done:
        out.print(f"Tick {report.tick_id} was done before; nothing to do.")
    verb = "resumed and finished" if report.resumed else "done"
    seen = f"{report.contacts:,} contacts as of {report.as_of:%Y-%m-%d %H:%M} UTC"
    out.print(Text.assemble((f"Tick {report.tick_id}", "bold"), f" {verb}: {seen}"))
    if report.null_contacts:
        out.print(f"{report.null_contacts:,} rows without a contact id were left out", style="yellow")
    if facts := facts_told(report.facts, report.memberships):
        out.print(facts)
    if report.unknown_zones:
        named = ", ".join(list(report.unknown_zones)[:5]) + (", ..." if len(report.unknown_zones) > 5 else "")
        number = sum(report.unknown_zones.values())
        told = f"{number:,} contacts have a time zone that is none, and get the project's: {named}"
        out.print(told, style="yellow", markup=False)
    for warning in report.warnings:
        out.print(warning, style="yellow", markup=False)
    for one in report.imports:
        answer = "" if one.trigger_flows else "; no flow reacts"
        out.print(f"Imported {one.file}: {one.changed:,} of {one.rows:,} contacts changed{answer}", markup=False)
    if report.answers.given_up:
        told = (
            f"{report.answers.given_up:,} things that were told belong to no message of this project; they are given up"
        )
        out.print(told, markup=False)
    out.print()
    resting = [one for one in report.segments if one.status == "resting" and not one.exited]
    compared = [vars(one) for one in report.segments if one not in resting]
    if compared or not resting:
        table(compared, ["segment", "members", "entered", "exited", "status"])
    if resting:
        rest = "1 segment rests" if len(resting) == 1 else f"{len(resting):,} segments rest"
        out.print(f"{rest}; segflow segments says until when.")
    if report.flows:
        out.print()
        rows = [vars(one) for one in report.flows]
        table(rows, flow_columns(rows))
    send_report(report.sent)
    files = Counter((one.path.parent, one.path.suffix) for one in report.exports)
    linked = Counter((one.path.parent, one.path.suffix) for one in report.exports if one.same_as is not None)
    for number, ((folder, suffix), count) in enumerate(sorted(files.items())):
        start = "" if number else "\n"
        before = f", {linked[folder, suffix]} of them as before" if linked[folder, suffix] else ""
        kind = f"{_FORMATS[suffix]} file{'s' if count > 1 else ''}"
        out.print(f"{start}{count} {kind} in {relative(folder, root)}/{before}")
    if report.seconds:
        spent = ", ".join(f"{name} {seconds:.1f} s" for name, seconds in report.seconds.items())
        out.print(f"{spent} (dbt {report.dbt_seconds:.1f} s)", style="dim")
    for problem in report.errors:
        error(problem)


def flow_columns(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """The columns that say what a tick did to flows; those that not every flow has only where they say anything."""
    seldom = [name for name in ("restarted", "converted", "withheld") if any(row[name] for row in rows)]
    return ["flow", "status", "enrolled", "active", "ended", *seldom, "planned"]


def send_data(report: SendReport) -> dict[str, Any]:
    """What was sent as plain data, for `--format json`."""
    return {
        "messages": report.outcomes,
        "deferred": report.deferred,
        "became_unknown": report.became_unknown,
        "sending_stopped": report.stopped,
        "errors": report.errors,
    }


def send_report(report: SendReport) -> None:
    """Print what was sent, what waits, and why."""
    rows = [
        {"sender": sender, "outcome": outcome, "messages": count}
        for sender, outcomes in sorted(report.outcomes.items())
        for outcome, count in sorted(outcomes.items())
    ]
    if rows:
        out.print()
        table(rows, ["sender", "outcome", "messages"])
    if report.stopped:
        out.print(f"\nSending is stopped: {report.stopped}. Messages wait in the outbox.", style="yellow", markup=False)
    for sender, why in report.deferred.items():
        out.print(f"{sender}: {why}", style="yellow", markup=False)
    if report.became_unknown:
        out.print(f"{report.became_unknown} messages have an unknown outcome: segflow outbox list", style="yellow")


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M}"
    return str(value)


def relative(path: Path, root: Path) -> Path:
    """`path` as people in the project's folder write it."""
    return path.relative_to(root) if path.is_relative_to(root) else path


def _finite(value: Any) -> Any:
    """The same without NaN and infinities, which JSON cannot say."""
    if isinstance(value, Mapping):
        return {name: _finite(one) for name, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _plain(value: Any) -> Any:
    if isinstance(value, (date, datetime)):
        return value.isoformat()
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, Decimal):  # what DuckDB makes of a sum of whole numbers
        return int(value) if value == value.to_integral_value() else float(value)
    raise TypeError(f"cannot write {type(value).__name__} as JSON")
