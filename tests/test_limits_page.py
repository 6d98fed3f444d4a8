"""docs/CONSENT_AND_LIMITS.md: its files load as one project."""

from __future__ import annotations

import re
from pathlib import Path

from segflow.specs.load import load_specs

PAGE = (Path(__file__).parents[1] / "docs/CONSENT_AND_LIMITS.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```yaml\n# (\S+)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


def test_the_examples_load(tmp_path: Path) -> None:
    assert len(BLOCKS) == PAGE.count("```yaml")
    for file, text in BLOCKS:
        target = tmp_path / file
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
    specs = load_specs(tmp_path)
    assert [str(cap) for cap in specs.settings.delivery.caps] == ["3 email marketing per 7 days", "10 per 1 month"]
    assert specs.flows["statements"].spec.once_per_address is False


def test_python_of_the_page_is_python() -> None:
    (code,) = re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    kept: list[object] = []
    project = type("P", (), {"store": type("S", (), {"consent_changes": type("C", (), {"record": kept.extend})})})
    exec(code, {"project": project, "now": None})
    assert len(kept) == 2
