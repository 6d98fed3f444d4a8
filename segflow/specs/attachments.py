"""Attachments: which files of a project emails may carry, and how much of them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

from pydantic import PlainValidator
from pydantic_core import PydanticCustomError

from segflow.errors import did_you_mean

_SIZE = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([KM])(i?)B\s*", re.IGNORECASE)


def bytes_of(size: str) -> int:
    """How many bytes a text like `10MB` or `512KiB` says. Raises ValueError."""
    match = _SIZE.fullmatch(size)
    if match is None:
        raise ValueError(size)
    return int(float(match.group(1)) * (1024 if match.group(3) else 1000) ** ("KM".index(match.group(2).upper()) + 1))


def _size(value: Any) -> Any:
    try:
        bytes_of(value)
    except (ValueError, TypeError):
        message = "'{given}' is not a size: write a number and a unit, like 10MB or 500KB"
        raise PydanticCustomError("size", message, {"given": str(value)}) from None
    return value.strip()


FileSize = Annotated[str, PlainValidator(_size, json_schema_input_type=str)]
"""`10MB` (10^6), `10MiB` (2^20), `500KB`."""


def find(folder: Path, name: str, shown: str) -> Path:
    """The file called `name` in the folder of attachments, which messages call `shown`. Raises ValueError, with why."""
    path = folder / name
    if not name.strip() or "\0" in name or "\\" in name or Path(name).is_absolute():
        raise ValueError(f"'{name}' is no name of a file in {shown}")
    # Links count as what they lead to.
    if not path.resolve().is_relative_to(folder.resolve()):
        raise ValueError(f"{name} is not in {shown}: attachments come from there alone")
    if not path.is_file():
        known = _known(folder)
        raise ValueError(f"there is no file {shown}/{name}{did_you_mean(name, known)}")
    return path


def too_large(paths: Sequence[Path], limit: str) -> str | None:
    """What to say when the files are more than the limit together; None when they are not."""
    size = sum(path.stat().st_size for path in paths)
    if size <= bytes_of(limit):
        return None
    told = f"{size / 1e6:,.1f} MB" if size >= 100_000 else f"{size:,} bytes"
    return f"the attachments have {told} together; delivery.attachments_at_most is {limit}"


def _known(folder: Path) -> list[str]:
    found = sorted(folder.rglob("*")) if folder.is_dir() else []
    return [path.relative_to(folder).as_posix() for path in found[:1000] if path.is_file()]
