"""A flow as the engine sees it: a table of steps, each knowing the one that follows."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from segflow.specs import flow as f


@dataclass(frozen=True)
class StepRow:
    """One step. `next_step` None ends the enrollment; branches have `then_step` and `else_step` instead.

    `content` is what the sender's renderer gets, as JSON; `detail` is what the journal says.
    """

    flow: str
    step: str
    ordinal: int
    action: str
    next_step: str | None
    then_step: str | None = None
    else_step: str | None = None
    channel: str | None = None
    sender: str | None = None
    content: str | None = None
    detail: str | None = None


@dataclass(frozen=True)
class UpdateRow:
    """One change that a step makes to a contact: kind `list` (value add or remove) or `attribute` (its new value)."""

    flow: str
    step: str
    kind: str
    name: str
    value: str | None


_CHANNELS = {"send_email": "email", "send_sms": "sms", "webhook": "webhook"}


def action_of(step: Any) -> str:
    """The key that names what a step does."""
    return next(key for key in f.STEP_KEYS if key in type(step).model_fields)


def step_rows(flow: str, spec: f.FlowSpec) -> list[StepRow]:
    """All steps of a flow in file order; the first is where enrollments begin."""
    rows: list[StepRow] = []
    ordinals = {step.id: number for number, step in enumerate(spec.walk())}

    def link(steps: Sequence[Any], after: str | None) -> str | None:
        following = after
        for step in reversed(steps):
            rows.append(row(step, following))
            following = step.id
        return following

    def row(step: Any, following: str | None) -> StepRow:
        action = action_of(step)
        values: dict[str, Any] = {"next_step": following}
        if isinstance(step, f.BranchStep):
            values["then_step"] = link(step.branch.then, following)
            values["else_step"] = link(step.branch.else_, following)
        elif action in _CHANNELS:
            body = getattr(step, action)
            content = body.model_dump(mode="json", by_alias=True, exclude_none=True, exclude={"sender"})
            values |= {"channel": _CHANNELS[action], "sender": body.sender}
            values |= {"content": json.dumps(content, sort_keys=True), "detail": body.model_dump().get("template")}
        elif isinstance(step, f.WaitStep):
            values["detail"] = str(step.wait.for_)
        elif isinstance(step, f.ExitStep):
            values |= {"next_step": None, "detail": None if step.exit is True else str(step.exit)}
        elif isinstance(step, (f.AddToListStep, f.RemoveFromListStep)):
            values["detail"] = getattr(step, action)
        elif isinstance(step, f.UpdateContactStep):
            values["detail"] = ", ".join(sorted(step.update_contact))
        return StepRow(flow=flow, step=step.id, ordinal=ordinals[step.id], action=action, **values)

    link(spec.steps, None)
    return sorted(rows, key=lambda found: found.ordinal)


def update_rows(flow: str, spec: f.FlowSpec) -> list[UpdateRow]:
    """What the steps of a flow change."""
    rows: list[UpdateRow] = []
    for step in spec.walk():
        if isinstance(step, f.AddToListStep):
            rows.append(UpdateRow(flow, step.id, "list", step.add_to_list, "add"))
        elif isinstance(step, f.RemoveFromListStep):
            rows.append(UpdateRow(flow, step.id, "list", step.remove_from_list, "remove"))
        elif isinstance(step, f.UpdateContactStep):
            for name, value in step.update_contact.items():
                text = None if value is None else str(value).lower() if isinstance(value, bool) else str(value)
                rows.append(UpdateRow(flow, step.id, "attribute", name, text))
    return rows


def surviving_step(step: str, old: f.FlowSpec, new: f.FlowSpec) -> str | None:
    """Where a contact goes on that stands at a step which an edit removed: the next step, along the old flow, that the
    new one still has. None when there is none."""
    present = {found.id for found in new.walk()}
    rows = {row.step: row for row in step_rows("", old)}
    current = rows.get(step)
    while current is not None:
        # Past a removed branch nobody was sorted yet: what follows the branch is common to both arms.
        following = current.next_step
        if following is None or following in present:
            return following
        current = rows.get(following)
    return None
