"""`segflow sender check`: would a sender's settings do? Nothing is sent."""

from __future__ import annotations

from dataclasses import dataclass

from segflow import senders
from segflow.errors import ConfigurationError, InputError, SendError, did_you_mean
from segflow.workspace import Workspace


@dataclass(frozen=True)
class CheckedSender:
    """What was asked and answered. `answer` None: there is nothing to ask; `fault`: what is wrong, and whose turn it is
    (`mend`, or `later` when it could not be asked now)."""

    name: str
    type: str
    does: str
    answer: str | None
    fault: str | None = None
    turn: str | None = None


def check_sender(project: Workspace, name: str) -> CheckedSender:
    """Ask the sender called `name`. Raises InputError when there is none."""
    known = project.specs.settings.all_senders()
    if name not in known:
        raise InputError(f"there is no sender {name} in segflow.yml{did_you_mean(name, list(known))}")
    kind = known[name].type
    sender = senders.build(name, known[name].model_dump(), project.root)
    try:
        sender.open()
        return CheckedSender(name, kind, sender.checks(), sender.check())
    except SendError as error:
        turn = "mend" if isinstance(error, ConfigurationError) else "later"
        return CheckedSender(name, kind, sender.checks(), None, error.reason, turn)
    finally:
        sender.close()
