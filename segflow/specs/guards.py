"""Guards: how much may change in one tick before a person has to look at it.

`segflow.yml` sets them for the project. A segment or flow file may change single numbers or turn a guard `off`; what it
leaves out comes from the project.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, BeforeValidator, Discriminator, Field, Tag

from segflow.specs.types import Number, SpecModel


def _word(value: Any) -> Any:
    return "off" if value is False else value


# `off` is a text here; tools that write YAML 1.1 turn it into false.
Off = Annotated[Literal["off"], BeforeValidator(_word, json_schema_input_type=Literal["off", False])]
Share = Annotated[Number, Field(ge=0, le=100)]
Count = Annotated[int, Field(ge=0)]
Times = Annotated[Number, Field(ge=0)]


def _number_kind(value: Any) -> str:
    return "<off>" if value is False or isinstance(value, str) else "<number>"


_NUMBER_OR_OFF = Discriminator(_number_kind)
ShareOrOff = Annotated[Annotated[Off, Tag("<off>")] | Annotated[Share, Tag("<number>")], _NUMBER_OR_OFF]
TimesOrOff = Annotated[Annotated[Off, Tag("<off>")] | Annotated[Times, Tag("<number>")], _NUMBER_OR_OFF]


class ExitsGuard(SpecModel):
    """Holds a segment that would lose more than `percent` of its members, when it has `of_at_least` members.

    Once the segment has a past, that counts: it is held when more exit than its past lets expect, and more than
    `percent_with_past`.
    """

    percent: Share = 50
    """More than this share of the members would exit, in percent."""
    of_at_least: Count = 1000
    """Segments with fewer members are not looked at."""
    percent_with_past: ShareOrOff = 20
    """Once the segment has a past: never held below this share. `off`: the past is not asked."""

    @property
    def lowest(self) -> float | None:
        """The share that is never too much for a segment with a past, in percent; None: the past is not asked."""
        return _with_past(self, "percent")


class EntriesGuard(SpecModel):
    """Holds a segment that more than `above` contacts would enter, and more than `times` its members.

    Once the segment has a past, that counts: it is held when more enter than its past lets expect, more than `above`,
    and more than `times_with_past` its members.
    """

    times: Times = 5
    """More than so many times its members would enter."""
    above: Count = 1000
    """Fewer entries are never too many."""
    times_with_past: TimesOrOff = 0.5
    """Once the segment has a past: never held below so many times its members. `off`: the past is not asked."""

    @property
    def lowest(self) -> float | None:
        """The multiple of its members that is never too much for a segment with a past; None: the past is not asked."""
        return _with_past(self, "times")


def _with_past(guard: ExitsGuard | EntriesGuard, number: str) -> float | None:
    """Who writes the first number alone says that so many may cross, past or not: it stands for both."""
    other = f"{number}_with_past"
    alone = number in guard.model_fields_set and other not in guard.model_fields_set
    found: float | str = getattr(guard, number if alone else other)
    return None if isinstance(found, str) else found


class ContactsLostGuard(SpecModel):
    """Stops a tick in which more than `percent` of the known contacts are missing, when `of_at_least` are known."""

    percent: Share = 20
    """More than this share of the known contacts is missing, in percent."""
    of_at_least: Count = 1000
    """With fewer known contacts nothing is looked at."""


class MessagesGuard(SpecModel):
    """Holds a flow that plans more than `above` messages, and for more than `percent` of the contacts."""

    percent: Share = 50
    """For more than this share of the contacts, in percent."""
    above: Count = 1000
    """Fewer messages are never too many."""


def _kind(value: Any) -> str | None:
    if value is False or (isinstance(value, str) and value == "off"):
        return "<off>"
    return "<mapping>" if isinstance(value, (dict, BaseModel)) else None


def _or_off(example: str) -> Discriminator:
    return Discriminator(
        _kind, custom_error_type="guard", custom_error_message=f"a guard is off, or its numbers: {{{example}}}"
    )


Exits = Annotated[
    Annotated[Off, Tag("<off>")] | Annotated[ExitsGuard, Tag("<mapping>")],
    _or_off("percent: 50, of_at_least: 1000"),
]
Entries = Annotated[
    Annotated[Off, Tag("<off>")] | Annotated[EntriesGuard, Tag("<mapping>")],
    _or_off("times: 5, above: 1000"),
]
ContactsLost = Annotated[
    Annotated[Off, Tag("<off>")] | Annotated[ContactsLostGuard, Tag("<mapping>")],
    _or_off("percent: 20, of_at_least: 1000"),
]
Messages = Annotated[
    Annotated[Off, Tag("<off>")] | Annotated[MessagesGuard, Tag("<mapping>")],
    _or_off("percent: 50, above: 1000"),
]


class Guards(SpecModel):
    """The guards of the project. Each may be `off`."""

    exits: Exits = ExitsGuard()
    """Of segments: too many would exit. Numbers, or `off`."""
    entries: Entries = EntriesGuard()
    """Of segments: too many would enter. Numbers, or `off`."""
    contacts_lost: ContactsLost = ContactsLostGuard()
    """Of the contacts: too many are missing. Numbers, or `off`."""
    messages: Messages = MessagesGuard()
    """Of flows: too many messages at once. Numbers, or `off`."""


class SegmentGuards(SpecModel):
    """What differs from the project's guards for one segment."""

    exits: Exits | None = None
    entries: Entries | None = None


class FlowGuards(SpecModel):
    """What differs from the project's guards for one flow."""

    messages: Messages | None = None


Guard = TypeVar("Guard", ExitsGuard, EntriesGuard, ContactsLostGuard, MessagesGuard)


def guard_of(project: Guard | Literal["off"], own: Guard | Literal["off"] | None = None) -> Guard | None:
    """The guard that counts: the project's, with the numbers that a segment or flow sets itself; None when off."""
    chosen = project if own is None else own
    if isinstance(chosen, str):
        return None
    if own is None or isinstance(project, str):
        return chosen
    changed = {name: getattr(chosen, name) for name in chosen.model_fields_set}
    for name in ("percent", "times"):
        other = f"{name}_with_past"
        if name in changed and other not in changed and getattr(project, other, "off") != "off":
            changed[other] = changed[name]
    return project.model_copy(update=changed)


def segment_guards(project: Guards, own: SegmentGuards) -> tuple[ExitsGuard | None, EntriesGuard | None]:
    """The guards that count for one segment; None for what is off."""
    return guard_of(project.exits, own.exits), guard_of(project.entries, own.entries)
