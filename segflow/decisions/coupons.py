"""Codes that people put into pools."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from segflow.errors import InputError, did_you_mean
from segflow.files import reason
from segflow.specs.coupons import WARN_BELOW
from segflow.workspace import Workspace

_LONGEST = 255
_HEADER = "code"


def add_coupons(project: Workspace, pool: str, codes: list[str]) -> int:
    """Put codes into a pool; those that it has or had are left alone. Returns how many were new.

    Raises InputError when segflow.yml names pools and this is none of them.
    """
    named = project.specs.settings.coupons
    if named and pool not in named:
        raise InputError(f"segflow.yml has no coupon pool {pool}{did_you_mean(pool, list(named)) or ''}")
    return project.store.coupons.add(pool, codes)


def pools(project: Workspace) -> list[dict[str, Any]]:
    """The pools that have codes or are named in segflow.yml: pool, left, claimed, warn_below."""
    named = project.specs.settings.coupons
    found = {one.pool: vars(one) for one in project.store.coupons.pools()}
    for pool in named:
        found.setdefault(pool, {"pool": pool, "left": 0, "claimed": 0})
    return [
        {**found[pool], "warn_below": named[pool].warn_below if pool in named else WARN_BELOW} for pool in sorted(found)
    ]


def codes_of(path: Path) -> list[str]:
    """The codes of a text file, one a line, in its order; a first line `code` is a header. Raises InputError."""
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except OSError as error:
        raise InputError(f"cannot read {path}: {reason(error)}") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is no text file in UTF-8") from error
    codes = []
    for number, line in enumerate(lines, 1):
        code = line.strip().strip('"').strip()
        if not code or (number == 1 and code.casefold() == _HEADER):
            continue
        if any(sign in code for sign in ",;\t"):
            raise InputError(f"{path}:{number}: '{code[:40]}' is not one code; write one a line, and nothing else")
        if len(code) > _LONGEST or not code.isprintable():
            raise InputError(f"{path}:{number}: a code has at most {_LONGEST} characters, all of them printable")
        codes.append(code)
    if not codes:
        raise InputError(f"{path} has no codes: write one a line")
    return codes
