"""The demo's last screen, over ledgers written through the warehouse's own verbs."""

from __future__ import annotations

import io
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pytest
from rich.console import Console
from rich.table import Table

from demo.screen import bars, flows_table, messages_table, segments_table, show
from segflow.specs.load import load_specs
from segflow.warehouse.duckdb.warehouse import DuckDBWarehouse

ROOT = Path(__file__).parents[2]
SPECS = load_specs(ROOT)
DAYS = [datetime(2026, 2, day) for day in (1, 2, 3)]
VIP = "vip_customers"


@pytest.fixture
def warehouse(tmp_path: Path) -> Iterator[DuckDBWarehouse]:
    with DuckDBWarehouse(tmp_path / "warehouse.duckdb") as opened:
        opened.ensure_tables()
        yield opened


def _cells(table: Table, row: int) -> list[str]:
    return [str(list(column.cells)[row]) for column in table.columns]


def _rows_of(table: Table, name: str) -> list[str]:
    names = [str(cell) for cell in table.columns[0].cells]
    return _cells(table, names.index(name))


def _write_segments(warehouse: DuckDBWarehouse) -> None:
    """Two members at first, a third one enters, then one exits."""
    for number, (day, members) in enumerate(zip(DAYS, (2, 3, 2), strict=True)):
        sizes = pa.table({"segment": [VIP], "as_of": [day], "members": [members]})
        warehouse.append("segment_sizes", f"t{number}", sizes)
    for number, causes in enumerate((["baseline", "baseline"], ["data"])):
        contacts = [f"C{number}{place}" for place in range(len(causes))]
        entries = pa.table({"segment": [VIP] * len(causes), "contact_id": contacts, "cause": causes})
        warehouse.append("segment_entries", f"t{number}", entries)
    exits = pa.table({"segment": [VIP], "contact_id": ["C00"], "cause": ["data"]})
    warehouse.append("segment_exits", "t2", exits)


def test_the_baseline_counts_as_members_but_not_as_entered(warehouse: DuckDBWarehouse) -> None:
    _write_segments(warehouse)
    table = segments_table(warehouse, SPECS)
    assert table.title == "Segments after 3 ticks"
    assert _rows_of(table, VIP) == [VIP, "2", "+1", "-1", "▁█▁"]


def test_a_segment_that_no_tick_has_seen_is_listed_all_the_same(warehouse: DuckDBWarehouse) -> None:
    assert _rows_of(segments_table(warehouse, SPECS), "tea_lovers") == ["tea_lovers", "-", "0", "0", ""]


def test_flows_show_who_is_on_the_way_and_who_ended(warehouse: DuckDBWarehouse) -> None:
    starts = pa.table({"flow": ["welcome"] * 3, "enrollment_id": ["a", "b", "c"]})
    warehouse.append("flow_enrollment_starts", "t1", starts)
    warehouse.append("flow_enrollment_ends", "t2", pa.table({"flow": ["welcome"], "enrollment_id": ["a"]}))
    warehouse.replace("flow_positions", pa.table({"flow": ["welcome"] * 2, "enrollment_id": ["b", "c"]}))
    warehouse.append("outbox", "t1", pa.table({"flow": ["welcome"] * 4, "message_id": list("wxyz")}))
    table = flows_table(warehouse, SPECS)
    assert _rows_of(table, "welcome") == ["welcome", "active", "3", "2", "1", "4"]
    assert _rows_of(table, "tasting_invitation") == ["tasting_invitation", "draft", "0", "0", "0", "0"]


def test_a_message_counts_once_by_its_latest_attempt(warehouse: DuckDBWarehouse) -> None:
    attempts = pa.table(
        {
            "message_id": ["m1", "m1", "m2", "m3", "m4"],
            "attempt": [1, 2, 1, 1, 1],
            "channel": ["email", "email", "email", "sms", "sms"],
            "outcome": ["held", "sent", "sent", "skipped", "skipped"],
            "reason": ["greylisted", None, None, "invalid_address: too short", "invalid_address: too long"],
        }
    )
    warehouse.append("deliveries", "t1", attempts)
    table = messages_table(warehouse)
    assert [_cells(table, row) for row in range(2)] == [
        ["email", "sent", "", "2"],
        ["sms", "skipped", "invalid_address", "2"],
    ]
    assert table.row_count == 2


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        pytest.param([], "", id="no-tick"),
        pytest.param([5, 5], "▄▄", id="nothing-moves"),
        pytest.param([0, 7, 14], "▁▅█", id="grows"),
        pytest.param([1000, 1001], "▁█", id="small-movements-show"),
    ],
)
def test_bars(sizes: list[int], expected: str) -> None:
    assert bars(sizes) == expected


def test_the_screen_fits_into_100_columns(warehouse: DuckDBWarehouse) -> None:
    for number in range(30):
        segments = list(SPECS.segments)
        sizes = pa.table(
            {"segment": segments, "as_of": [datetime(2026, 2, 1)] * len(segments), "members": [5000] * len(segments)}
        )
        warehouse.append("segment_sizes", f"t{number:02d}", sizes)
    written = io.StringIO()
    show(Console(file=written, width=100, force_terminal=False), warehouse, SPECS)
    lines = written.getvalue().splitlines()
    assert max(map(len, lines)) <= 100
    for name in [*SPECS.segments, *SPECS.flows]:
        assert any(name in line for line in lines), name
    assert "…" not in written.getvalue()
