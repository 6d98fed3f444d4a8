"""What a session on Postgres is told once it is there, and not with its first message.

A pooler takes few settings in the message that begins a session: PgBouncer refuses libpq's `options`, or drops them
without a word where its `ignore_startup_parameters` names them, and the session would be in another zone.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_LATER = {"search_path", "role"}
_WORD = re.compile(r"(?:\\.|[^\s\\])+", re.DOTALL)


def said_later(options: str) -> dict[str, str] | None:
    """Name -> value of what libpq's `options` set, when a session can be told all of it later; otherwise None."""
    words = [re.sub(r"\\(.)", r"\1", word, flags=re.DOTALL) for word in _WORD.findall(options)]
    found: dict[str, str] = {}
    while words:
        word = words.pop(0)
        said = word.removeprefix("-c") or (words.pop(0) if words else "")
        name, equals, value = said.partition("=")
        if not word.startswith("-c") or not equals or name not in _LATER:
            return None
        found[name] = value
    return found


def tell(cursor: Any, settings: Mapping[str, str]) -> int:
    """Tell a session in one message. `cursor`: of any driver of Postgres. Returns the number of the server's
    process, which a pooler in between does not show."""
    each = "".join("set_config(%s, %s, false), " for _ in settings)
    query = f"SELECT {each}pg_backend_pid()"
    cursor.execute(query, [text for pair in settings.items() for text in pair])
    *_, process = cursor.fetchone()
    return int(process)
