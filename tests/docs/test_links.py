"""Links between pages, and to places in them, lead somewhere: on a code host and in the built site."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), *ROOT.glob("examples/*/*.md")])
_FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\((?!https?:|mailto:)([^)\s#]*)(?:#([^)\s]*))?\)")


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as code hosts and the site's generator make them."""
    text = _FENCE.sub("", page.read_text(encoding="utf-8"))
    found: set[str] = set()
    for heading in re.findall(r"^#+ (.+)$", text, re.MULTILINE):
        words = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)
        plain = re.sub(r"[^\w\- ]", "", words.strip().lower())
        found.add(plain.replace(" ", "-"))
    return found


def broken(page: Path, text: str) -> list[str]:
    wrong = []
    for path, anchor in _LINK.findall(_FENCE.sub("", text)):
        target = page.parent / path if path else page
        if not target.exists() or (anchor and target.suffix == ".md" and anchor not in anchors(target)):
            wrong.append(f"{path}#{anchor}" if anchor else path)
    return wrong


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(page: Path) -> None:
    assert broken(page, page.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("[a](FLOWS.md)", []),
        ("[a](FLOWS.md#triggers)", []),
        ("[a](NOWHERE.md)", ["NOWHERE.md"]),
        ("[a](FLOWS.md#nowhere)", ["FLOWS.md#nowhere"]),
        ("[a](#nowhere)", ["#nowhere"]),
        ("```\n[a](NOWHERE.md)\n```\n", []),
    ],
)
def test_what_is_broken_is_found(text: str, wrong: list[str]) -> None:
    assert broken(ROOT / "docs/GLOSSARY.md", text) == wrong


def test_every_page_is_listed() -> None:
    settings = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))
    listed = re.findall(r"\w+\.md", str(settings["nav"]))
    pages = {page.name for page in (ROOT / "docs").glob("*.md")}
    assert sorted(listed) == sorted(pages)
    index = (ROOT / "docs/README.md").read_text(encoding="utf-8")
    assert {page for page in pages - {"README.md"} if f"({page}" not in index} == set()
