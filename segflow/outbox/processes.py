"""Which process is it: the one that took something, or a later one with the same pid?"""

from __future__ import annotations

import os
from pathlib import Path


def process_identity(pid: int) -> str | None:
    """What tells this process from a later one with the same pid: boot, pid namespace, start time.

    None when it does not exist (a zombie counts as dead), an empty string where there is no /proc to ask.
    """
    if not Path("/proc/self/stat").exists():
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return None
        except PermissionError:
            pass
        return ""
    try:
        # The name of the program stands in parentheses and may hold anything, blanks and parentheses included.
        fields = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] in ("Z", "X") else f"{machine()}/{fields[19]}"


def machine() -> str:
    """This boot and pid namespace. A pid says nothing about processes of other ones, even under the same host name."""
    boot = Path("/proc/sys/kernel/random/boot_id")
    try:
        return f"{boot.read_text().strip()}/{os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return "unknown"
