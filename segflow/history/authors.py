"""Who made and who last changed a file, as git has it."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

_COMMIT, _PART = "\x01", "\x02"
_SECONDS = 10
"""A history that takes longer to walk is not worth waiting for in a listing."""


@dataclass(frozen=True)
class Authors:
    """The first and the last commit of a file, as it is called now."""

    created_by: str
    created_at: datetime
    changed_by: str
    changed_at: datetime


def authors(root: Path, folder: str) -> dict[str, Authors]:
    """File (relative to `root`) -> who made and last changed it, for the committed files below `folder`, in one call.

    Empty without git, outside of a repository, and when git takes too long.
    """
    command = ["git", "-C", str(root), "-c", "core.quotePath=false", "log", "--no-show-signature", "--no-renames"]
    command += ["--relative", "--name-only", f"--format={_COMMIT}%an{_PART}%aI", "--", folder]
    quiet = os.environ | {"GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0"}
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS, check=True, env=quiet)
    except (OSError, subprocess.SubprocessError, UnicodeDecodeError):
        return {}
    found: dict[str, Authors] = {}
    for commit in done.stdout.split(_COMMIT)[1:]:
        head, *files = commit.splitlines()
        name, _, at = head.partition(_PART)
        for file in filter(None, files):
            # Newest first: the last commit that is met is the first there was.
            known = found.get(file)
            when = datetime.fromisoformat(at)
            last = (known.changed_by, known.changed_at) if known else (name, when)
            found[file] = Authors(name, when, *last)
    return found
