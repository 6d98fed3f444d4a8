"""How much, when and to whom at most: frequency caps, quiet hours, one message per address."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag

from segflow.durations import Duration
from segflow.firings import EVERY_DAY, Window
from segflow.messages import CONTACT_CHANNELS, ContactChannel
from segflow.specs.clock_times import CONTACT_ZONE, TimeOfDay, Weekdays
from segflow.specs.steps.sending import Category
from segflow.specs.types import SpecModel, by_kind


class Cap(SpecModel):
    """`{channel: email, category: marketing, at_most: 3, per: 7 days}`: so many messages to one contact in any span of
    this length. What was sent counts, and what may have been."""

    channel: ContactChannel | None = None
    """All channels that reach contacts, counted together, when left out."""
    category: Category | None = None
    """marketing or transactional; both, counted together, when left out."""
    at_most: Annotated[int, Field(ge=1, le=100_000)]
    """So many messages."""
    per: Duration
    """In any span of this length, like 7 days."""
    over: Literal["skip", "hold"] = "skip"
    """skip: what is over is not sent. hold: it waits until there is room."""

    def covers(self, channel: str, category: str) -> bool:
        """Do messages of this channel and category count?"""
        return self.channel in (None, channel) and self.category in (None, category)

    def __str__(self) -> str:
        what = " ".join(one for one in (self.channel, self.category) if one is not None)
        return f"{self.at_most} {what} per {self.per}" if what else f"{self.at_most} per {self.per}"


class QuietHours(SpecModel):
    """`{from: "21:00", to: "08:00"}`: no message to a contact from `from`, included, to `to`, excluded. Over midnight
    where `to` is not later; `days` are those on which they begin."""

    from_: TimeOfDay = Field(alias="from")
    """When they begin, like "21:00"."""
    to: TimeOfDay
    """When they end, like "08:00"."""
    days: Weekdays = EVERY_DAY
    """The days on which they begin; every day when left out."""
    timezone: str = CONTACT_ZONE
    """A zone like Europe/Berlin, or `contact` for that of each contact (the project's for those without one)."""
    channels: Annotated[list[ContactChannel], Field(min_length=1)] = list(CONTACT_CHANNELS)
    """All channels that reach contacts when left out."""
    category: Literal["marketing", "transactional", "any"] = "marketing"
    """What they are for. What is transactional passes, unless they are for it, or for any."""
    then: Literal["hold", "skip"] = "hold"
    """hold: a message waits until they are over. skip: it is not sent."""

    @property
    def window(self) -> Window:
        """As `firings` has it: open while it is quiet."""
        return Window(self.from_, self.to, self.days)

    def cover(self, channel: str, category: str) -> bool:
        """Are they for messages of this channel and category?"""
        return channel in self.channels and self.category in ("any", category)

    def __str__(self) -> str:
        return f"{self.from_:%H:%M} to {self.to:%H:%M}"


SomeQuietHours = Annotated[
    Annotated[QuietHours, Tag("<mapping>")]
    | Annotated[Annotated[list[QuietHours], Field(min_length=1)], Tag("<list>")],
    Discriminator(
        by_kind,
        custom_error_type="quiet_hours",
        custom_error_message='quiet_hours must be like {from: "21:00", to: "08:00"}, or a list of such',
    ),
]


def _switch_or_list(value: Any) -> str | None:
    return "<switch>" if isinstance(value, bool) else "<list>" if isinstance(value, list) else None


OncePerAddress = Annotated[
    Annotated[bool, Tag("<switch>")] | Annotated[list[ContactChannel], Tag("<list>")],
    Discriminator(
        _switch_or_list,
        custom_error_type="once_per_address",
        custom_error_message="once_per_address must be true (all channels), false, or a list of channels like [email]",
    ),
]
"""On which channels contacts that share an address get a message once."""
ONCE_BY_DEFAULT: bool | list[ContactChannel] = ["email"]


def channels_of(once: bool | list[ContactChannel]) -> Sequence[ContactChannel]:
    """The channels that an OncePerAddress means."""
    return once if isinstance(once, list) else CONTACT_CHANNELS if once else ()
