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

from demo.screen import bars, conversions_table, flows_table, handed_out_table, messages_table, segments_table, show
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
    ends = pa.table({"flow": ["welcome"] * 2, "enrollment_id": ["a", "b"], "reason": ["completed", "converted"]})
    warehouse.append("flow_enrollment_ends", "t2", ends)
    warehouse.replace("flow_positions", pa.table({"flow": ["welcome"], "enrollment_id": ["c"]}))
    warehouse.append("outbox", "t1", pa.table({"flow": ["welcome"] * 4, "message_id": list("wxyz")}))
    table = flows_table(warehouse, SPECS)
    assert _rows_of(table, "welcome") == ["welcome", "active", "3", "1", "2", "1", "4"]
    assert _rows_of(table, "tasting_invitation") == ["tasting_invitation", "draft", "0", "0", "0", "0", "0"]


CART = "cart_reminder"


def _write_cart_reminders(warehouse: DuckDBWarehouse) -> None:
    """Ana orders in time, Ben too late, Cleo only after her second enrollment; Dan, who is withheld, orders too."""
    contacts = ["ana", "ben", "cleo", "cleo"]
    ids = ["a", "b", "c", "c2"]
    for number, (contact, enrollment) in enumerate(zip(contacts, ids, strict=True)):
        row = {"flow": [CART], "contact_id": [contact], "enrollment_id": [enrollment], "enrolled_at": [DAYS[0]]}
        warehouse.append("flow_enrollment_starts", f"t{number}", pa.table(row))
    ways = ["gentle", "gentle", "free_postage", "free_postage"]
    steps = {"flow": [CART] * 4, "enrollment_id": ids, "step": ["which_reminder"] * 4, "action": ["split"] * 4}
    warehouse.append("flow_journal", "t1", pa.table({**steps, "contact_id": contacts, "detail": ways}))
    out = pa.table({"flow": [CART] * 2, "contact_id": ["dan", "eve"], "enrollment_id": ["d", "e"]})
    warehouse.append("flow_withheld", "t1", out)
    won = {"flow": [CART] * 4, "enrollment_id": ["a", "b", "c2", "d"], "in_time": [True, False, True, True]}
    warehouse.append("flow_conversions", "t4", pa.table(won))


def test_conversions_are_told_by_way_and_against_the_withheld(warehouse: DuckDBWarehouse) -> None:
    _write_cart_reminders(warehouse)
    table = conversions_table(warehouse, SPECS)
    flows = {flow: number for number, flow in enumerate(table.columns[0].cells) if flow}
    assert list(flows) == [flow for flow, named in SPECS.flows.items() if named.spec.goal is not None]
    rows = [_cells(table, flows[CART] + place) for place in range(5)]
    interval = rows[4].pop(3)
    assert rows == [
        [CART, "all who got in", "3", "1", "33.3%"],
        ["", "  free_postage", "1", "0", "0.0%"],
        ["", "  gentle", "2", "1", "50.0%"],
        ["", "withheld", "2", "1", "50.0%"],
        ["", "difference", "", "-16.7"],
    ]
    low, high = map(float, interval.split(" to "))
    assert -100 < low < -16.7 < 0 < high < 100


def test_a_flow_with_a_goal_that_nobody_entered_has_a_line(warehouse: DuckDBWarehouse) -> None:
    assert _rows_of(conversions_table(warehouse, SPECS), "club_points")[1:] == ["all who got in", "0", "0", "-"]


def test_codes_and_tasks_are_counted(warehouse: DuckDBWarehouse) -> None:
    warehouse.append("coupon_claims", "t1", pa.table({"pool": ["win_back"] * 2, "code": ["A", "B"]}))
    warehouse.append("tasks", "t1", pa.table({"assignee": ["care@example.com"], "task_id": ["t"]}))
    table = handed_out_table(warehouse)
    assert [_cells(table, row) for row in range(2)] == [
        ["codes", "win_back", "2"],
        ["tasks", "care@example.com", "1"],
    ]


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


@pytest.mark.parametrize("width", [80, 100])
def test_the_screen_fits(warehouse: DuckDBWarehouse, width: int) -> None:
    for number in range(30):
        segments = list(SPECS.segments)
        sizes = pa.table(
            {"segment": segments, "as_of": [datetime(2026, 2, 1)] * len(segments), "members": [5000] * len(segments)}
        )
        warehouse.append("segment_sizes", f"t{number:02d}", sizes)
    written = io.StringIO()
    show(Console(file=written, width=width, force_terminal=False), warehouse, SPECS)
    lines = written.getvalue().splitlines()
    assert max(map(len, lines)) <= width
    for name in [*SPECS.segments, *SPECS.flows, "segflow flow show cart_reminder", "segment_specs/vip_customers.yml"]:
        assert any(name in line for line in lines), name
    assert "…" not in written.getvalue()
