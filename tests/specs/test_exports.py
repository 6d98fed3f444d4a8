# ruff: noqa: E501 (tables: one case per line)
"""`export:` of a segment: what it takes over from segflow.yml, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from segflow.specs.exports import ExportPlan
from segflow.specs.load import collect
from tests.specs.helpers import messages, project

EVERYONE = "where: {everyone: true}\n"
PLANS: dict[str, tuple[str, str, ExportPlan | None]] = {
    "the project's": ("", "", ExportPlan("tea", "exports", ("contact_id",), "csv", True, "tick", ("members",))),
    "changed for all": ("exports: {format: parquet, every: day, only: [entered]}", "", ExportPlan("tea", "exports", ("contact_id",), "parquet", True, "day", ("entered",))),
    "changed for one": ("exports: {format: parquet, every: day}", "export: {path: ~/crm, format: jsonl, only: exited, columns: [contact_id, exited_at]}", ExportPlan("tea", "~/crm", ("contact_id", "exited_at"), "jsonl", True, "day", ("exited",))),
    "without its guard": ("exports: {formula_guard: false}", "", ExportPlan("tea", "exports", ("contact_id",), "csv", False, "tick", ("members",))),
    "without the guard for one": ("", "export: {formula_guard: false}", ExportPlan("tea", "exports", ("contact_id",), "csv", False, "tick", ("members",))),
    "not chosen": ("exports: {segments: []}", "", None),
    "chosen by itself": ("exports: {segments: []}", "export: {every: month}", ExportPlan("tea", "exports", ("contact_id",), "csv", True, "month", ("members",))),
}  # fmt: skip


@pytest.mark.parametrize(("settings", "own", "expected"), PLANS.values(), ids=PLANS)
def test_plans(tmp_path: Path, settings: str, own: str, expected: ExportPlan | None) -> None:
    specs, issues = collect(project(tmp_path, settings=settings, segments__tea=f"{EVERYONE}{own}\n"))
    assert issues == []
    assert specs is not None
    assert specs.exports() == ([expected] if expected else [])


WRONG: dict[str, tuple[str, str]] = {
    "key": ("export: {folder: x}", "tea.yml:2:10: unknown key folder; known here: path, columns, format, every, only, formula_guard"),
    "format": ("export: {format: xlsx}", "tea.yml:2:18: format cannot be the text 'xlsx': expected csv, parquet or jsonl"),
    "guard": ("export: {formula_guard: maybe}", "tea.yml:2:25: formula_guard must be true or false, not the text 'maybe'"),
    "misspelt guard": ("export: {formula_gard: false}", "tea.yml:2:10: unknown key formula_gard (did you mean formula_guard?)"),
    "column": ("export: {columns: [contact_id, emial]}", "tea.yml:2:32: there is no attribute emial (did you mean email?)"),
    "column twice": ("export: {columns: [city, city]}", "tea.yml:2:26: city is given twice"),
    "column of other rows": ("export: {columns: [contact_id, cause]}", "tea.yml:2:32: cause goes with only: entered, not with members"),
    "no columns": ("export: {columns: []}", "tea.yml:2:19: columns needs at least 1 item"),
    "rows": ("export: {only: everybody}", "tea.yml:2:16: only cannot be the text 'everybody': expected members, entered or exited"),
    "no rows": ("export: {only: {}}", "tea.yml:2:16: only must be members, entered or exited, or a list of them"),
    "off": ("export: off", "tea.yml:2:9: export must be a mapping with keys like path, columns, format, every, not the text 'off'"),
}  # fmt: skip


@pytest.mark.parametrize(("own", "expected"), WRONG.values(), ids=WRONG)
def test_located_errors(tmp_path: Path, own: str, expected: str) -> None:
    found = messages(tmp_path, segments__tea=f"{EVERYONE}{own}\n")
    assert found == [expected]


def test_rows_that_do_not_fit_the_project_s_columns(tmp_path: Path) -> None:
    settings = "exports: {columns: [contact_id, exited_at], only: exited}\n"
    found = messages(tmp_path, settings=settings, segments__tea=f"{EVERYONE}export: {{only: entered}}\n")
    assert found == ["tea.yml:2:16: exited_at goes with only: exited, not with entered"]


def test_places_in_a_sql_segment(tmp_path: Path) -> None:
    sql = "-- description: x\n-- export:\n--   columns: [contact_id, emial]\nselect contact_id from {{ ref('contacts') }}\n"
    found = messages(tmp_path, sql__raw=sql)
    assert found == ["raw.sql:3:28: there is no attribute emial (did you mean email?)"]


def test_a_file_leaves_out_what_its_rows_cannot_have() -> None:
    plan = ExportPlan(
        "tea", "x", ("contact_id", "exited_at", "city", "cause"), "csv", True, "tick", ("entered", "exited")
    )
    assert plan.columns_of("entered", ["city"]) == ("contact_id", "city", "cause")
    assert plan.columns_of("exited", ["city"]) == ("contact_id", "exited_at", "city", "cause")
