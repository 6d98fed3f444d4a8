"""`create_task`: something for a person to do, as a row of `segflow.tasks`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from segflow.durations import Duration
from segflow.specs.spec_file import Loc
from segflow.specs.steps.base import Checks, Row
from segflow.specs.steps.sending import SendingStep
from segflow.specs.types import Identifier, SpecModel


class CreateTask(SpecModel):
    """A row in `segflow.tasks`; with a sender, the task is handed over to it, too."""

    title: str
    """A template, like the texts of messages."""
    assignee: str | None = None
    """A name, an address or a template; or segment_owner, flow_owner."""
    due: Duration | None = None
    """How long after the step it is due."""
    sender: Identifier | None = None
    """Default: `default_senders.task`, and none where that is not set."""


class CreateTaskStep(SendingStep):
    key = "create_task"
    order = 62
    sends = "task"
    to_contact = False

    create_task: CreateTask

    def row(self) -> Row:
        task = self.create_task
        told = {"title": task.title, "assignee": task.assignee, "due": task.due}
        return Row(channel="task", sender=task.sender, content=self.content(), detail=task.title, task=told)

    def content(self) -> Mapping[str, Any]:
        return self.create_task.model_dump(mode="json", exclude_none=True, exclude={"sender"})

    def check_content(self, checks: Checks, loc: Loc) -> None:
        task = self.create_task
        checks.texts({"title": task.title, "assignee": task.assignee}, loc)
        if task.due is not None:
            checks.span(task.due, (*loc, "due"))

    def words(self) -> str:
        return f"task: {self.create_task.title}"
