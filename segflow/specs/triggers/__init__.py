"""The kinds of trigger, one file each. A new kind is its file, its line in `Single`, and its file in
`segflow/flows/triggers`."""

from __future__ import annotations

from typing import Annotated, get_args

from pydantic import Discriminator, Field, Tag

from segflow.specs.conditions import key_of
from segflow.specs.triggers.base import TriggerModel
from segflow.specs.triggers.broadcast import BroadcastTrigger
from segflow.specs.triggers.crossing import EntersTrigger, ExitsTrigger
from segflow.specs.triggers.dates import DateTrigger
from segflow.specs.triggers.event import EventTrigger
from segflow.specs.triggers.level import LevelTrigger
from segflow.specs.triggers.manual import ManualTrigger
from segflow.specs.types import SpecModel

_Singles = (
    Annotated[EntersTrigger, Tag("<enters>")]
    | Annotated[ExitsTrigger, Tag("<exits>")]
    | Annotated[LevelTrigger, Tag("<every_day_at>")]
    | Annotated[DateTrigger, Tag("<date>")]
    | Annotated[BroadcastTrigger, Tag("<broadcast>")]
    | Annotated[ManualTrigger, Tag("<manual>")]
    | Annotated[EventTrigger, Tag("<event>")]
)
SINGLE_KEYS: tuple[str, ...] = tuple(get_args(one)[0].word for one in get_args(_Singles))
TRIGGER_KEYS = (*SINGLE_KEYS, "any")

Single = Annotated[
    _Singles,
    Discriminator(
        key_of(SINGLE_KEYS),
        custom_error_type="trigger",
        custom_error_message="not a trigger: expected exactly one of " + ", ".join(SINGLE_KEYS),
    ),
]


class AnyTrigger(SpecModel):
    """Each of several triggers, of whatever kind."""

    any: Annotated[list[Single], Field(min_length=1)]


Trigger = Annotated[
    _Singles | Annotated[AnyTrigger, Tag("<any>")],
    Discriminator(
        key_of(TRIGGER_KEYS),
        custom_error_type="trigger",
        custom_error_message="not a trigger: expected exactly one of " + ", ".join(TRIGGER_KEYS),
    ),
]

TRIGGER_MODELS: dict[str, type[SpecModel]] = {
    **{get_args(one)[0].word: get_args(one)[0] for one in get_args(_Singles)},
    "any": AnyTrigger,
}
"""Key -> model."""

__all__ = ["SINGLE_KEYS", "TRIGGER_KEYS", "TRIGGER_MODELS", "AnyTrigger", "Single", "Trigger", "TriggerModel"]
