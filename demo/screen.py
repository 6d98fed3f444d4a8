"""The demo's last screen: what its ticks did, read from the public relations in schema `segflow`."""

from __future__ import annotations

import os
import shutil
import sys
from collections import Counter, defaultdict
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text
from sqlglot import exp

from demo.conversions import conversions
from segflow.cli.grid import grid
from segflow.specs.dbt_profile import project_engine, warehouse_path
from segflow.specs.project import Specs
from segflow.warehouse.base import Warehouse, relation
from segflow.warehouse.engines import wing

LAST = datetime(2026, 2, 2)
"""The time of the demo's last tick (UTC)."""
BARS = "▁▂▃▄▅▆▇█"
_BARS = "size over time"
STATUS_STYLES = {"active": "green", "paused": "yellow", "draft": "dim"}


def show(console: Console, warehouse: Warehouse, specs: Specs) -> None:
    """Print the screen. The warehouse must have seen at least one tick; 80 columns are enough."""
    for table in (
        segments_table(warehouse, specs),
        flows_table(warehouse, specs),
        conversions_table(warehouse, specs),
        messages_table(warehouse),
        handed_out_table(warehouse),
    ):
        _print(console, table)
    _print(console, _files(specs))
    _print(console, _next_steps(specs, _day_after(warehouse)))


def _print(console: Console, table: Table) -> None:
    """A table in what the screen has of columns; a line of bars that is too long shows its end."""
    heads = [str(column.header) for column in table.columns]
    rows = list(zip(*(map(_text, column.cells) for column in table.columns), strict=True))
    right = {at for at, column in enumerate(table.columns) if column.justify == "right"}
    whole = {at for at, column in enumerate(table.columns) if column.no_wrap}
    if _BARS in heads:
        at = heads.index(_BARS)
        widths = [max(len(head), *(len(row[place]) for row in rows)) for place, head in enumerate(heads)]
        fits = max(console.width - sum(widths) - 2 * (len(widths) - 1) + widths[at], len(_BARS))
        rows = [tuple(cell[-fits:] if place == at else cell for place, cell in enumerate(row)) for row in rows]
    told = [Text(str(table.title), style="bold"), *grid(heads, rows, console.width, right=right, whole=whole)]
    told += [Text(str(table.caption), style="italic dim")] if table.caption else []
    console.print()
    for line in told:
        console.print(line, soft_wrap=True)


def _text(cell: object) -> Text:
    return cell if isinstance(cell, Text) else Text(str(cell))


def segments_table(warehouse: Warehouse, specs: Specs) -> Table:
    """One row per segment: members now, the sizes of all ticks as a line of bars, entered and exited since the first
    tick (whose members are the baseline and crossed nothing)."""
    sizes = defaultdict(list)
    for row in warehouse.rows(
        exp.select("segment", "members").from_(relation("segment_sizes")).order_by("segment", "as_of")
    ):
        sizes[row["segment"]].append(row["members"])
    entered = _counts(warehouse, "segment_entries", "segment", exp.column("cause").neq("baseline"))
    exited = _counts(warehouse, "segment_exits", "segment")
    ticks = max((len(line) for line in sizes.values()), default=0)
    table = _table(f"Segments after {ticks} ticks")
    table.add_column("segment", no_wrap=True)
    for name in ("members", "entered", "exited"):
        table.add_column(name, justify="right", min_width=len(name))
    table.add_column(_BARS, no_wrap=True)
    for segment in specs.segments:
        line = sizes.get(segment, [])
        table.add_row(
            segment,
            f"{line[-1]:,}" if line else "-",
            _signed(entered.get(segment, 0), "+", "green"),
            _signed(exited.get(segment, 0), "-", "red"),
            Text(bars(line), style="cyan"),
        )
    return table


def flows_table(warehouse: Warehouse, specs: Specs) -> Table:
    """One row per flow: contacts enrolled so far, on their way now, ended (and how many of them because they met
    its goal), and the messages that it planned."""
    enrolled = _counts(warehouse, "flow_enrollment_starts", "flow")
    active = _counts(warehouse, "flow_positions", "flow")
    ended = _counts(warehouse, "flow_enrollment_ends", "flow")
    won = _counts(warehouse, "flow_enrollment_ends", "flow", exp.column("reason").eq("converted"))
    messages = _counts(warehouse, "outbox", "flow")
    table = _table("Flows")
    table.add_column("flow", no_wrap=True)
    table.add_column("status")
    for name in ("enrolled", "active", "ended", "converted", "messages"):
        table.add_column(name, justify="right")
    for flow, named in specs.flows.items():
        status = named.spec.status
        numbers = (f"{counts.get(flow, 0):,}" for counts in (enrolled, active, ended, won, messages))
        table.add_row(flow, Text(status, style=STATUS_STYLES[status]), *numbers)
    return table


def conversions_table(warehouse: Warehouse, specs: Specs) -> Table:
    """The flows with a goal: who met it in time, by the way that a split sent them, and who met it without the flow."""
    table = _table("Conversions")
    table.caption, table.caption_justify = "Nobody in this shop reads: what differs, differs by chance.", "left"
    table.add_column("flow", no_wrap=True)
    table.add_column("who")
    for name in ("contacts", "converted", "share"):
        table.add_column(name, justify="right")
    for flow, who, *numbers in conversions(warehouse, specs):
        style = {"withheld": "dim", "difference": "bold"}.get(who, "")
        table.add_row(flow, *(Text(cell, style=style) for cell in (who, *numbers)))
    return table


def handed_out_table(warehouse: Warehouse) -> Table:
    """What flows gave away and asked for beside messages: codes by pool, tasks by who is to do them."""
    table = _table("Codes and tasks")
    for name in ("what", "of"):
        table.add_column(name)
    table.add_column("number", justify="right")
    for what, name, key in (("codes", "coupon_claims", "pool"), ("tasks", "tasks", "assignee")):
        for of, number in sorted(_counts(warehouse, name, key).items()):
            table.add_row(what, of, f"{number:,}")
    return table


def messages_table(warehouse: Warehouse) -> Table:
    """One row per channel, outcome and reason, counting each message once: by its latest attempt."""
    attempts = exp.Window(
        this=exp.RowNumber(),
        partition_by=[exp.column("message_id")],
        order=exp.Order(expressions=[exp.Ordered(this=exp.column("attempt"), desc=True)]),
    )
    latest = (
        exp.select("channel", "outcome", "reason", exp.alias_(attempts, "newest"))
        .from_(relation("deliveries"))
        .subquery("latest")
    )
    numbers: Counter[tuple[str, str, str]] = Counter()
    for row in warehouse.rows(
        exp.select("channel", "outcome", "reason", exp.alias_(exp.Count(this=exp.Star()), "messages"))
        .from_(latest)
        .where(exp.column("newest").eq(1))
        .group_by("channel", "outcome", "reason")
    ):
        # a reason may go on with details of the one message, which would make a row of its own
        numbers[row["channel"], row["outcome"], (row["reason"] or "").split(":", 1)[0]] += row["messages"]
    table = _table("Messages")
    for name in ("channel", "outcome", "reason"):
        table.add_column(name)
    table.add_column("messages", justify="right")
    previous = None
    for (channel, outcome, reason), number in sorted(numbers.items(), key=lambda item: (item[0][0], -item[1])):
        style = "green" if outcome in ("sent", "delivered") else "yellow"
        table.add_row(channel if channel != previous else "", Text(outcome, style=style), reason, f"{number:,}")
        previous = channel
    if not numbers:
        table.add_row("none", "", "", "0")
    return table


def bars(sizes: list[int]) -> str:
    """Sizes as one line of bars. The lowest bar is the smallest size, so that small movements can be seen."""
    if not sizes:
        return ""
    low, high = min(sizes), max(sizes)
    if low == high:
        return BARS[3] * len(sizes)
    return "".join(BARS[round((size - low) / (high - low) * (len(BARS) - 1))] for size in sizes)


def _table(title: str) -> Table:
    return Table(title=title)


def _signed(number: int, sign: str, style: str) -> Text:
    return Text(f"{sign}{number:,}", style=style) if number else Text("0", style="dim")


def _counts(warehouse: Warehouse, table: str, key: str, where: exp.Expr | None = None) -> dict[Any, int]:
    """The number of rows by `key`."""
    query = exp.select(key, exp.alias_(exp.Count(this=exp.Star()), "number")).from_(relation(table)).group_by(key)
    return {row[key]: row["number"] for row in warehouse.rows(query.where(where) if where is not None else query)}


def _files(specs: Specs) -> Table:
    """Where the exports, the messages and the warehouse lie, seen from the project's root."""
    exports = specs.path(specs.settings.exports.path)
    mailbox = specs.path(getattr(specs.settings.all_senders()["mailbox"], "path", ".segflow/mailbox"))
    chosen = wing(specs.engine)
    if chosen.file_backed:
        warehouse = _short(warehouse_path(specs.root, specs.settings), specs)
    else:
        warehouse = project_engine(specs.root, specs.settings).where
    letters = sorted(mailbox.rglob("*.eml"))
    table = _table("On your disk")
    table.add_column(style="dim")
    table.add_column()
    table.add_row("exports", f"{_short(exports, specs)}/  ({_number(exports, '*.csv')} CSV files, a folder per tick)")
    said = f"{len(letters):,} .eml files, {_number(mailbox, '*.json')} .json files"
    table.add_row("messages", f"{_short(mailbox, specs)}/  ({said})")
    table.add_row("warehouse", f"{warehouse}  ({chosen.title}; schema segflow)")
    if letters:
        table.add_row("one letter", _short(letters[-1], specs))
    return table


def _day_after(warehouse: Warehouse) -> str:
    """The day after the last tick, where the shop's life goes on."""
    last = warehouse.scalar(exp.select(exp.Max(this=exp.column("as_of"))).from_(relation("segment_sizes")))
    return f"{(LAST if last is None else last) + timedelta(days=1):%Y-%m-%d}"


def _next_steps(specs: Specs, tomorrow: str) -> Table:
    segflow = _command(specs)
    steps = [
        _first(specs),
        (f"{segflow} preview win_back --as-of {tomorrow}", "who would be in a segment a day later"),
        (f"{segflow} flow show cart_reminder", "the picture of a flow, with who is where"),
        (f"{segflow} tasks", "whom flows asked to do what"),
        (f"edit {_below(specs)}segment_specs/vip_customers.yml", "change the rule; the next lines show who moves"),
        (f"{segflow} plan --as-of {tomorrow}", "what a tick would do, and writes nothing"),
        (f"{segflow} tick --as-of {tomorrow}", "what happened since, and your edits; then the day after"),
    ]
    table = _table("Try next")
    table.add_column(no_wrap=True)
    table.add_column()
    for command, why in steps:
        table.add_row(Text(command, style="bold cyan"), why)
    return table


def _command(specs: Specs) -> str:
    """How to call segflow in this shell: by its name where that works, else by the path inside the environment."""
    plain, here = wing(specs.engine).file_backed, Path(sys.executable).parent / "segflow"
    called = _short(here, specs) if plain else os.path.relpath(here)
    called = "segflow" if shutil.which("segflow") else called
    return called if plain else f"{called} --project-dir {_below(specs)[:-1]}"


def _below(specs: Specs) -> str:
    """The project's folder as it is written in front of a path; nothing where commands are typed in it."""
    return "" if wing(specs.engine).file_backed else f"{os.path.relpath(specs.root)}/"


def _first(specs: Specs) -> tuple[str, str]:
    if wing(specs.engine).file_backed:
        return "make ui", "the same in Dagster"
    python = os.path.relpath(sys.executable) if "/" in sys.executable else "python"
    return f"{python} -m demo.on_{specs.engine}", "starts its server again, for the next lines; Ctrl-C ends it"


def _number(folder: Path, pattern: str) -> str:
    return f"{sum(1 for _ in folder.rglob(pattern)):,}"


def _short(path: Path, specs: Specs) -> str:
    return str(path.relative_to(specs.root)) if path.is_relative_to(specs.root) else str(path)
