"""The list of checks, each on its own: what breaks one is a finding and does not keep the others from looking."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from segflow.doctor import (
    check_facts,
    check_files,
    check_ledgers,
    check_setup,
    check_specs,
    check_store,
    check_warehouse,
    check_webhooks,
    check_zones,
)
from segflow.doctor.findings import Checked, Finding, SkipCheck
from segflow.doctor.workspace import ExaminedWorkspace
from segflow.errors import SegflowError
from segflow.outbox.lease import held_lease

CHECKS: dict[str, Callable[[ExaminedWorkspace], Checked]] = {
    "settings": check_specs.settings,
    "specs": check_specs.specs,
    "models": check_specs.models,
    "dbt project": check_setup.dbt_project,
    "webhooks": check_webhooks.webhooks,
    "delivery store": check_store.store,
    "lease": check_store.lease,
    "sending": check_store.sending,
    "senders": check_store.senders,
    "messages": check_store.messages,
    "warehouse": check_warehouse.warehouse,
    "catalog": check_setup.catalog,
    "tick": check_warehouse.tick,
    "generations": check_warehouse.generations,
    "ledgers": check_ledgers.ledgers,
    "time zones": check_zones.time_zones,
    "leftovers": check_files.leftovers,
    "disk": check_files.disk,
}

LONG: dict[str, Callable[[ExaminedWorkspace], Checked]] = {"facts": check_facts.facts}
"""Those that are asked for, because they take as long as a tick."""

NEEDS = {
    "specs": "settings",
    "dbt project": "specs",
    "webhooks": "specs",
    "lease": "delivery store",
    "sending": "delivery store",
    "senders": "delivery store",
    "messages": "delivery store",
    "catalog": "warehouse",
    "tick": "warehouse",
    "generations": "warehouse",
    "ledgers": "warehouse",
    "time zones": "warehouse",
    "facts": "warehouse",
}
"""Check -> the check before it without which it has nothing to look at."""


def examine(root: Path, repair: bool = False, verify: bool = False) -> list[Checked]:
    """Look at everything, and with `repair` mend what is safe: never sends, never drops a message. `verify`: compute
    patched facts in full, too, and compare.

    Repairs hold the tick's lease; while a tick runs nothing is mended, and that is a finding, too. Raises nothing that
    a broken project can cause.
    """
    examined = ExaminedWorkspace(root)
    try:
        found: list[Checked] = []
        for name, check in {**CHECKS, **(LONG if verify else {})}.items():
            blocked = {checked.check for checked in found if any(finding.blocks for finding in checked.findings)}
            found.append(_run(name, check, examined) if NEEDS.get(name) not in blocked else _blocked(name))
        if repair:
            _mend(examined, found)
        return found
    finally:
        examined.close()


def _blocked(name: str) -> Checked:
    return Checked(name, f"not looked at: the {NEEDS[name]} must be mended first", skipped=True)


def _run(name: str, check: Callable[[ExaminedWorkspace], Checked], examined: ExaminedWorkspace) -> Checked:
    try:
        return check(examined)
    except SkipCheck as why:
        return Checked(name, f"not looked at: {why}", skipped=True)
    except Exception as error:
        told = " ".join(str(error).split()) if isinstance(error, SegflowError) else f"{type(error).__name__}: {error}"
        return Checked(name, "", [Finding(f"the check failed: {told}", "it could not look", "mend what it names")])


def _mend(examined: ExaminedWorkspace, found: list[Checked]) -> None:
    wanted = [finding for checked in found for finding in checked.findings if finding.repair is not None]
    if not wanted:
        return
    try:
        with held_lease(examined.store.leases, examined.holder) as lease:
            for finding in wanted:
                assert finding.repair is not None
                try:
                    finding.mended = finding.repair(lease)
                except Exception as error:
                    finding.do = f"it could not be mended ({error}); {finding.do}"
    except (SegflowError, SkipCheck) as error:
        means = "repairs hold the tick's lease, so that nothing changes beneath them"
        found.append(Checked("repair", "", [Finding(f"nothing was mended: {error}", means, "try again later")]))
