"""docs/FLOWS.md: every example is a flow that loads, compiles and goes through a tick, on the page's own catalog."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

from segflow.specs.spec_file import parse_spec_file
from tests.world import World

PAGE = (Path(__file__).parents[1] / "docs/FLOWS.md").read_text(encoding="utf-8")
_BLOCK = re.compile(r"^```yaml\n# (\S+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
BLOCKS = _BLOCK.findall(PAGE)
CONTACTS = [
    {"contact_id": "ana", "city": "London", "age": 30, "email": "ana@example.org", "phone": "+442079460018"},
    {"contact_id": "bob", "city": "Rome", "age": 10, "email": "bob@example.org", "subscribed": True},
]


def test_every_block_of_a_file_is_read() -> None:
    assert len(BLOCKS) == PAGE.count("```yaml\n# ")
    assert len({file for file, _ in BLOCKS}) == len(BLOCKS)


def test_the_examples_run(tmp_path: Path) -> None:
    world = World(tmp_path)
    for file, text in BLOCKS:
        assert not parse_spec_file(text, file).issues, file
        target = tmp_path / file
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
    world.rows_of("contacts", CONTACTS)
    world.tick(datetime(2026, 3, 1, 9, tzinfo=UTC))
    world.rows_of("contacts", [one | {"city": "London", "age": 40, "subscribed": True} for one in CONTACTS])
    report = world.tick(datetime(2026, 3, 2, 9, tzinfo=UTC), send=True)
    assert not report.errors
    flows = {Path(file).stem for file, _ in BLOCKS if file.startswith("flow_specs/") and file.endswith(".yml")}
    assert {one.flow for one in report.flows if one.status != "held"} == flows
