"""Guards: what a segment or a flow sets itself comes on top of the project's numbers."""

from __future__ import annotations

from pathlib import Path

import pytest

from segflow.specs.guards import ExitsGuard, guard_of
from segflow.specs.load import load_specs
from tests.specs.helpers import FLOW, SEGMENT, project

EXITS = {
    "nothing given": ("", "", (50, 1000)),
    "the project's": ("guards: {exits: {percent: 30}}", "", (30, 1000)),
    "its own on top of the project's": (
        "guards: {exits: {percent: 30}}",
        "guards: {exits: {of_at_least: 10}}",
        (30, 10),
    ),
    "off for one segment": ("guards: {exits: {percent: 30}}", "guards: {exits: off}", None),
    "false is off": ("", "guards: {exits: false}", None),
    "off for all": ("guards: {exits: off}", "", None),
    "off for all but one": ("guards: {exits: off}", "guards: {exits: {percent: 10}}", (10, 1000)),
}


@pytest.mark.parametrize("sql", [False, True], ids=["yaml", "sql"])
@pytest.mark.parametrize(("settings", "own", "expected"), EXITS.values(), ids=EXITS)
def test_a_segment_s_guard(
    tmp_path: Path, settings: str, own: str, expected: tuple[int, int] | None, sql: bool
) -> None:
    query = f"/*\n{own}\n*/\nselect contact_id from {{{{ ref('stg_contacts') }}}}\n"
    files = {"sql__x": query} if sql else {"segments__x": f"{SEGMENT}{own}\n"}
    specs = load_specs(project(tmp_path, settings=f"name: x\n{settings}\n", **files))
    found = guard_of(specs.settings.guards.exits, specs.segments["x"].spec.guards.exits)
    assert found == (ExitsGuard(percent=expected[0], of_at_least=expected[1]) if expected else None)


def test_a_flow_s_guard(tmp_path: Path) -> None:
    root = project(
        tmp_path, settings="guards: {messages: {percent: 20}}\n", flows__x=f"{FLOW}guards: {{messages: off}}\n"
    )
    specs = load_specs(root)
    found = {
        name: guard_of(specs.settings.guards.messages, flow.spec.guards.messages) for name, flow in specs.flows.items()
    }
    assert found["x"] is None
    assert found["hello"] is not None
    assert (found["hello"].percent, found["hello"].above) == (20, 1000)
