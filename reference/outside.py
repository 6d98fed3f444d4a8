"""A hook of mkdocs: links that lead out of docs/, to files of the repository, become plain names.

On a code host they open the file; the built pages are a site of their own, which does not have it.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

_LINK = re.compile(r"\[([^\]]+)\]\((\.\./[^)#\s]*)(?:#[^)\s]*)?\)")
ROOT = Path(__file__).parents[1]


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Raises FileNotFoundError for a link to a file that is not there."""

    def plain(found: re.Match[str]) -> str:
        target = ROOT / "docs" / found.group(2)
        if not target.exists():
            raise FileNotFoundError(f"docs/{page.file.src_uri}: {found.group(2)} is not there")
        return found.group(1)

    return _LINK.sub(plain, markdown)
