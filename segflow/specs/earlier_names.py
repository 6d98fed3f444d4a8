"""`renamed_from`: what the file of a segment or a flow was called before."""

from __future__ import annotations

from typing import Annotated

from pydantic import Discriminator, Field, Tag

from segflow.specs.types import Identifier, by_kind

EarlierNames = Annotated[
    Annotated[Identifier, Tag("<text>")] | Annotated[Annotated[list[Identifier], Field(min_length=1)], Tag("<list>")],
    Discriminator(
        by_kind,
        custom_error_type="renamed_from",
        custom_error_message="renamed_from must be the earlier name of this file, or a list of its earlier names",
    ),
]


def names_of(renamed_from: str | list[str] | None) -> list[str]:
    """The names in a `renamed_from`."""
    return [renamed_from] if isinstance(renamed_from, str) else list(renamed_from or ())
