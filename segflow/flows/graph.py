"""Flows as the engine sees them: a table of steps, and one of the arms that lead on from them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from segflow.specs.flow import FlowSpec
from segflow.specs.steps.base import Arm, Step, place_of


@dataclass(frozen=True)
class StepRow:
    """One step. `next_step` is what follows it, whichever way was taken; None: nothing does.

    `content` is what the sender's renderer gets, as JSON; `detail` is what the journal says; `call` is `enter` or
    `leave`, where the contact is to enter or leave `called_flow`.
    """

    flow: str
    step: str
    ordinal: int
    action: str
    decides: bool
    timed: bool
    asked_again: bool
    ends_on_failure: bool
    next_step: str | None
    skip_to: str | None
    """Where those go on who pass it by. An exit has no next step, and yet something that follows."""
    channel: str | None
    sender: str | None
    content: str | None
    detail: str | None
    call: str | None
    called_flow: str | None


@dataclass(frozen=True)
class ArmRow:
    """One way on from a step. The first of them that a contact can take, by `ordinal`, is taken.

    `condition` is the key of one that must hold. `from_hash` (included) and `to_hash` (excluded) are the first digits
    of the hashes of flow, step and contact for which it is. `next_step` None ends the enrollment, as `end_reason` says.
    """

    flow: str
    step: str
    arm: str
    ordinal: int
    condition: str | None
    from_hash: str | None
    to_hash: str | None
    timed: bool
    next_step: str | None
    end_reason: str


@dataclass(frozen=True)
class UpdateRow:
    """One change that a step makes to a contact; see `steps.base.Update`."""

    flow: str
    step: str
    kind: str
    name: str
    value: str | None
    how: str


COMPLETED = "completed"
HASH_DIGITS = 8


def rows_of(flow: str, spec: FlowSpec) -> tuple[list[StepRow], list[ArmRow]]:
    """All steps of a flow in file order, the first is where enrollments begin; and their arms in order."""
    steps: list[StepRow] = []
    arms: list[ArmRow] = []
    ordinals = {step.id: number for number, step in enumerate(spec.walk())}

    def link(held: Sequence[Step], after: str | None) -> str | None:
        following = after
        for step in (one.within(spec.window) for one in reversed(held)):
            ways = step.arms()
            for number, arm in enumerate(ways):
                target = link(arm.steps, None if arm.ends else following)
                arms.append(_arm_row(flow, step, arm, number, target))
            steps.append(_step_row(flow, step, ordinals[step.id], following))
            following = step.id
        return following

    link(spec.steps, None)
    steps.sort(key=lambda row: row.ordinal)
    arms.sort(key=lambda row: (ordinals[row.step], row.ordinal))
    return steps, arms


def _step_row(flow: str, step: Step, ordinal: int, following: str | None) -> StepRow:
    row = step.row()
    ends = all(arm.ends for arm in step.arms())
    return StepRow(
        flow=flow,
        step=step.id,
        ordinal=ordinal,
        action=step.key,
        decides=step.decides,
        timed=any(arm.timing is not None for arm in step.arms()),
        asked_again=step.asked_again,
        ends_on_failure=step.ends_on_failure,
        next_step=None if ends else following,
        skip_to=following,
        channel=row.channel,
        sender=row.sender,
        content=None if row.content is None else json.dumps(row.content, sort_keys=True),
        detail=row.detail,
        call=row.call[0] if row.call else None,
        called_flow=row.call[1] if row.call else None,
    )


def _arm_row(flow: str, step: Step, arm: Arm, ordinal: int, target: str | None) -> ArmRow:
    low, high = arm.share if arm.share is not None else (0.0, 1.0)
    return ArmRow(
        flow=flow,
        step=step.id,
        arm=arm.name,
        ordinal=ordinal,
        condition=None if arm.condition is None else f"{flow}/{place_of(step, arm)}",
        from_hash=first_hash(low) if low > 0 else None,
        to_hash=first_hash(high) if high < 1 else None,
        timed=arm.timing is not None,
        next_step=target,
        end_reason=arm.ends or COMPLETED,
    )


def first_hash(share: float) -> str:
    """The smallest hash at or above a share, between 0 and 1, of all of them; as many hex digits as are compared."""
    return f"{min(round(share * 16**HASH_DIGITS), 16**HASH_DIGITS - 1):0{HASH_DIGITS}x}"


def update_rows(flow: str, spec: FlowSpec) -> list[UpdateRow]:
    """What the steps of a flow change."""
    return [
        UpdateRow(flow, step.id, update.kind, update.name, update.value, update.how)
        for step in spec.walk()
        for update in step.updates()
    ]


def surviving_step(step: str, old: FlowSpec, new: FlowSpec) -> str | None:
    """Where a contact goes on that stands at a step which an edit removed: the next step, along the old flow, that the
    new one still has. None when there is none."""
    present = {found.id for found in new.walk()}
    rows = {row.step: row for row in rows_of("", old)[0]}
    current = rows.get(step)
    while current is not None:
        # Past a removed branch nobody was sorted yet: what follows the branch is common to all arms.
        following = current.next_step
        if following is None or following in present:
            return following
        current = rows.get(following)
    return None
