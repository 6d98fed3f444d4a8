"""`python -m reference`: write the pages that are made from the code."""

from __future__ import annotations

from reference.pages import DOCS, PARTS, WHOLE, made

for name in (*WHOLE, *PARTS):
    (DOCS / name).write_text(made(name), encoding="utf-8")
