"""`segflow suppressions`: the addresses that must not be messaged, as people name, bring and take them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC
from pathlib import Path
from typing import Any

import pyarrow as pa

from segflow.errors import InputError, did_you_mean
from segflow.exports.write import writer
from segflow.files import replacing
from segflow.imports.import_files import Given, Refused, read_file
from segflow.messages import CONTACT_CHANNELS
from segflow.outbox.addresses import InvalidAddressError, normal
from segflow.outbox.hashes import read_hash
from segflow.workspace import Workspace

BY_HAND, IMPORTED = "by hand", "imported"
"""The reasons of those for which nobody gave one."""
COLUMNS = ("channel", "address", "reason", "recorded_at")
_KNOWN = COLUMNS


@dataclass(frozen=True)
class Suppressed:
    """What became of an import of suppressions."""

    file: str
    rows: int
    """Good rows; of them `new` were not on the list."""
    new: int
    refused: Sequence[Refused]


def add(project: Workspace, channel: str, addresses: Sequence[str], reason: str | None = None) -> int:
    """Suppress addresses (or hashes of them) at once. Returns how many were new.

    Raises InputError, and records nothing, when there is no such channel or one cannot be an address.
    """
    _check_channel(channel)
    for address in addresses:
        if fault := _fault(channel, address):
            raise InputError(f"{address}: {fault}; nothing was suppressed")
    return project.store.suppress_all((channel, address, reason or BY_HAND) for address in addresses)


def remove(project: Workspace, channel: str, addresses: Sequence[str]) -> list[str]:
    """Take addresses (or hashes) off the list at once, in whatever form it has them. Returns those that were on it."""
    _check_channel(channel)
    return [address for address in addresses if project.store.unsuppress(channel, address)]


def import_(project: Workspace, path: Path, channel: str | None = None, reason: str | None = None) -> Suppressed:
    """Suppress what a .csv or .parquet file holds, at once: columns `address` (one, or the hash of one), `channel`
    (default: `channel`) and `reason` (default: `reason`). Raises InputError when the file or its header is wrong."""
    if channel is not None:
        _check_channel(channel)
    given = read_file(path)
    columns = _columns(given, channel)
    good: list[tuple[str, str, str]] = []
    refused = list(given.refused)
    for line, row in zip(given.lines.to_pylist(), given.rows.select(columns).to_pylist(), strict=True):
        cells = {name: str(value).strip() for name, value in row.items() if value is not None}
        of, address = cells.get("channel") or channel or "", cells.get("address", "")
        if of not in CONTACT_CHANNELS:
            known = did_you_mean(of, CONTACT_CHANNELS) or f"; expected {', '.join(CONTACT_CHANNELS)}"
            refused.append(Refused(line, "channel", of, f"is no channel that reaches contacts{known}"))
        elif fault := _fault(of, address):
            refused.append(Refused(line, "address", address, fault))
        else:
            good.append((of, address, cells.get("reason") or reason or IMPORTED))
    new = project.store.suppress_all(good) if good else 0
    return Suppressed(given.name, len(good), new, sorted(refused, key=lambda one: one.line))


def export(project: Workspace, path: Path, *, hashed: bool = False) -> int:
    """Write the list as CSV, which `import_` reads; `hashed`: no address, only hashes. Returns how many rows."""
    store = project.store
    rows = [
        {
            **row,
            "address": store.hash_address(row["channel"], row["address"])
            if hashed and read_hash(row["address"]) is None
            else row["address"],
            "recorded_at": row["recorded_at"].astimezone(UTC).isoformat(timespec="seconds"),
        }
        for row in store.all_suppressions()
    ]
    schema = pa.schema([(name, pa.string()) for name in COLUMNS])
    with replacing(path) as partial, writer("csv", partial, schema) as write:
        for batch in pa.Table.from_pylist(rows, schema=schema).to_batches():
            write(batch)
    return len(rows)


def listing(project: Workspace, channel: str | None = None) -> list[dict[str, Any]]:
    """The list: channel, address (or hash), reason, recorded_at."""
    if channel is not None:
        _check_channel(channel)
    return [row for row in project.store.all_suppressions() if channel in (None, row["channel"])]


def _columns(given: Given, channel: str | None) -> list[str]:
    names = given.rows.column_names
    for name in names:
        if name not in _KNOWN:
            near = did_you_mean(name, _KNOWN) or f"; there are {', '.join(_KNOWN)}"
            what = f"column {name}" if name else "column without a name"
            raise InputError(f"{given.name}: a list of suppressions has no {what}{near}")
    if "address" not in names:
        raise InputError(f"{given.name}: no column holds the addresses; call it address")
    if "channel" not in names and channel is None:
        raise InputError(f"{given.name}: no column says which channel; name it channel, or give --channel")
    return [name for name in names if name != "recorded_at"]


def _check_channel(channel: str) -> None:
    if channel not in CONTACT_CHANNELS:
        known = did_you_mean(channel, CONTACT_CHANNELS) or f"; expected {', '.join(CONTACT_CHANNELS)}"
        raise InputError(f"{channel} is no channel that reaches contacts{known}")


def _fault(channel: str, address: str) -> str | None:
    """Why nobody could be kept from being written to by it: it is no address, in whatever form."""
    if not address.strip():
        return "there is no address"
    if read_hash(address) is not None:
        return None
    if address.strip().lower().startswith("sha256$"):
        return "is no hash like sha256$SALT$HEX"
    try:
        normal(channel, address)
    except InvalidAddressError as error:
        return str(error)
    return None
