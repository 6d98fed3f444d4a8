"""Which pages are made from the code, and where they stand. `python -m reference` writes them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from reference.commands import commands_page
from reference.keys import catalog_keys, settings_page
from reference.methods import methods_page

DOCS = Path(__file__).parents[1] / "docs"
_BEGIN, _END = "<!-- made from the code: begin -->\n", "<!-- made from the code: end -->\n"

WHOLE: dict[str, Callable[[], str]] = {
    "SETTINGS.md": settings_page,
    "CLI.md": commands_page,
    "PYTHON_API.md": methods_page,
}
"""Page -> what makes all of it."""
PARTS: dict[str, Callable[[], str]] = {"CATALOG.md": catalog_keys}
"""Page -> what makes the part between the two marks; the rest is written by hand."""


def made(name: str) -> str:
    """The text of a page as it must be now."""
    if name in WHOLE:
        return WHOLE[name]()
    page = (DOCS / name).read_text(encoding="utf-8")
    before, _, rest = page.partition(_BEGIN)
    _, _, after = rest.partition(_END)
    assert rest, f"docs/{name} has no part for what is made from the code"
    return f"{before}{_BEGIN}{PARTS[name]()}{_END}{after}"
