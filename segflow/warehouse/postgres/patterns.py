"""Regular expressions on Postgres, whose kind (ARE) has places that see behind and ahead."""

from __future__ import annotations

from segflow.warehouse import patterns

_W = "[A-Za-z0-9_]"
_KIND = patterns.Kind(
    title="Postgres",
    folds="(?i)",
    start=r"\A",
    end=r"\Z",
    # Whatever the locale takes for a letter.
    edges={"b": f"(?:(?<!{_W})(?={_W})|(?<={_W})(?!{_W}))", "B": f"(?:(?<!{_W})(?!{_W})|(?<={_W})(?={_W}))"},
    most=255,
)


def translated(pattern: str) -> str:
    """The pattern for Postgres' `~`. Raises PatternError."""
    return patterns.translated(pattern, _KIND)
