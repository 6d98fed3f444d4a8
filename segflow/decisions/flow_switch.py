"""`segflow flow pause | resume`: a person stops one flow at once, and lets it go on."""

from __future__ import annotations

from typing import Any

from segflow.errors import InputError, did_you_mean
from segflow.outbox.pauses import Pause
from segflow.workspace import Workspace


def pause(project: Workspace, flow: str, reason: str | None = None) -> dict[str, Any]:
    """Stop `flow` from now on, until it is resumed. Returns the decision: id, kind, name, reason, decided_by, ...

    It takes no lease: a tick under way looks before it plans and before it hands over each message. Raises
    InputError, and records nothing, when the flow is unknown, does not move anyway, or is paused already.
    """
    status = _status(project, flow)
    if status != "active" and not project.specs.flows[flow].spec.drains:
        raise InputError(f"flow {flow} is {status} in {project.specs.flows[flow].file}: it does not move anyway")
    told = project.store.pauses.now().get(flow)
    if told is not None:
        raise InputError(f"flow {flow} is {told} already")
    return project.store.pauses.record("pause", flow, reason)


def resume(project: Workspace, flow: str, reason: str | None = None) -> dict[str, Any]:
    """Let a flow go on that `pause` has stopped. Raises InputError, and records nothing, when none did."""
    status = _status(project, flow)
    if flow not in project.store.pauses.now():
        file = project.specs.flows[flow].file
        hint = f"; it is paused in {file}: set status: active there" if status == "paused" else ""
        raise InputError(f"nobody has paused flow {flow} with segflow flow pause{hint}")
    return project.store.pauses.record("resume", flow, reason)


def pauses(project: Workspace) -> dict[str, Pause]:
    """The flows of the project that are paused at this moment, by name."""
    return {name: one for name, one in project.store.pauses.now().items() if name in project.specs.flows}


def _status(project: Workspace, flow: str) -> str:
    flows = project.specs.flows
    if flow not in flows:
        raise InputError(f"unknown flow {flow}{did_you_mean(flow, list(flows))}")
    return flows[flow].spec.status
