"""Regular expressions on Spark, which has Java's, in words that Rust's, which Sail has, read alike."""

from __future__ import annotations

from segflow.warehouse import patterns

_KIND = patterns.Kind(
    title="Spark",
    folds="(?iu)",
    start=r"\A",
    end=r"\z",
    # What a word is depends on the version of Java.
    edges={},
    most=1000,
)


def translated(pattern: str) -> str:
    """The pattern for `regexp_like`. Raises PatternError."""
    return patterns.translated(pattern, _KIND)
