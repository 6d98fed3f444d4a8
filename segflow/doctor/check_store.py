"""Checks of the delivery store: the file, the lease, and messages that wait for somebody."""

from __future__ import annotations

from datetime import UTC, datetime

from segflow.doctor.findings import Checked, Finding
from segflow.doctor.workspace import ExaminedWorkspace
from segflow.errors import SegflowError
from segflow.outbox.breaker import MARK, Rest
from segflow.outbox.lease import Lease
from segflow.ticks import ledger as ticks


def store(examined: ExaminedWorkspace) -> Checked:
    """Does the delivery store open, and is its file whole?"""
    path = examined.store_path
    if path is not None and not path.exists():
        if not examined.engine.exists() or not _ticked(examined):
            return Checked("delivery store", "none yet; the first tick makes it")
        lost = Finding(
            f"{path} is not there, though there is a warehouse",
            "what was sent is only known as far as the warehouse knows it; the next tick is refused",
            "put it back from a backup, or run segflow rebuild --delivery-store",
        )
        return Checked("delivery store", "", [lost])
    try:
        faults = examined.store.damage()
        version = examined.store.mark("schema_version")
    except SegflowError as error:
        means = "no tick runs and nothing is sent"
        todo = "mend the cause, or put back a backup"
        return Checked("delivery store", "", [Finding(str(error), means, todo, blocks=True)])
    if faults:
        damaged = Finding(
            f"{examined.store.name} is damaged: {faults[0]}",
            "claims and outcomes may be wrong",
            "stop all ticks, put back a backup or move the file away, then run segflow rebuild --delivery-store",
            blocks=True,
        )
        return Checked("delivery store", "", [damaged])
    return Checked("delivery store", f"{examined.store.name}, schema version {version}")


def _ticked(examined: ExaminedWorkspace) -> bool:
    """Has a tick run in the warehouse, as far as one can see? Tables may be the user's."""
    try:
        with examined.engine.look() as opened:
            return opened.exists("ticks") and ticks.last(opened) is not None
    except SegflowError:  # its own check tells
        return True


def lease(examined: ExaminedWorkspace) -> Checked:
    """Who holds the lease, and do they live?"""
    found = examined.store.leases.look()
    if found.state == "free":
        return Checked("lease", "free")
    if found.state == "held":
        return Checked("lease", found.holder)
    dead = "that process is dead" if found.state == "dead" else "it ran out"
    finding = Finding(
        f"{found.holder}; {dead}",
        "a tick died; the next one takes the lease over",
        "nothing, or segflow doctor --repair",
        found.since,
        # Repairs hold the lease, so it was taken over before this is called, and it is given back after all of them.
        lambda lease: f"taken over with token {lease.token} and given back",
    )
    return Checked("lease", "", [finding])


def sending(examined: ExaminedWorkspace) -> Checked:
    """Is sending stopped?"""
    why = examined.store.stopped()
    if why is None:
        return Checked("sending", f"not stopped; mode {examined.settings.delivery.mode}")
    finding = Finding(f"sending is stopped: {why}", "messages wait in the outbox", "segflow stop-sending --lift")
    return Checked("sending", "", [finding])


def senders(examined: ExaminedWorkspace) -> Checked:
    """Is a sender left alone because its provider seemed down?"""
    resting = Rest.all_of(examined.store.marks_of(MARK), datetime.now(UTC))
    findings = [
        Finding(
            f"sender {name}: {rest}",
            "its messages wait; then one of them finds out whether the provider is up again",
            f"segflow sender check {name}, if it stays so",
        )
        for name, rest in resting.items()
    ]
    return Checked("senders", "none is left alone", findings)


def messages(examined: ExaminedWorkspace) -> Checked:
    """Messages whose outcome nobody knows, and claims that a dead process left."""
    store = examined.store
    findings = []
    unknown, oldest = store.waiting("unknown")
    if unknown:
        findings.append(
            Finding(
                f"{unknown:,} messages of unknown outcome",
                "they may or may not have arrived; they are not sent again by guess",
                "segflow outbox list, then segflow outbox release | drop MESSAGE_ID (or --all)",
                oldest,
            )
        )
    claimed, oldest = (0, None) if examined.busy() else store.waiting("claimed")
    if claimed:
        findings.append(
            Finding(
                f"{claimed:,} messages claimed by a process that is gone",
                "the next tick plans those again that were not handed over or may be repeated; the others become "
                "unknown",
                "run segflow tick, or segflow doctor --repair",
                oldest,
                lambda lease: _judge(examined, lease),
            )
        )
    numbers = {"failed": store.waiting("failed")[0], "held": store.waiting("held")[0]}
    dead = ", ".join(f"{number:,} {status}" for status, number in numbers.items() if number)
    return Checked("messages", f"none waits for a person{dead and f' ({dead}: segflow outbox list)'}", findings)


def _judge(examined: ExaminedWorkspace, lease: Lease) -> str:
    unknown = examined.store.recover(lease, None, datetime.now(UTC))
    return f"judged; {unknown:,} of them are unknown now" if unknown else "judged; all of them are planned again"
