"""Questions about what people write that need no server: specs are checked where there may be none."""

from __future__ import annotations

from segflow.warehouse.patterns import PatternError
from segflow.warehouse.postgres.patterns import translated


def pattern_problem(pattern: str) -> str | None:
    """What is wrong with a regular expression: it cannot be read, or Postgres would read it in another way than the
    other engines and has no form for it."""
    try:
        translated(pattern)
    except PatternError as error:
        return str(error)
    return None
