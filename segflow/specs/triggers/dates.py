"""`date: birthday`: a date of the contact's own comes, or comes round."""

from __future__ import annotations

from datetime import time
from typing import Annotated, ClassVar, Literal

from pydantic import Discriminator, Tag

from segflow.specs.clock_times import TimeOfDay, written_time
from segflow.specs.offsets import NO_OFFSET, Offset
from segflow.specs.spec_file import Loc
from segflow.specs.triggers.base import TriggerCheck, TriggerModel
from segflow.specs.types import Identifier, SpecModel, by_kind


class ObjectField(SpecModel):
    """A field of the contact's rows of an object, each of them for itself."""

    object: Identifier
    field: Identifier


class DateTrigger(TriggerModel):
    """Offers a contact when its date, moved by `offset`, has come to the time `at`; once for each date."""

    word: ClassVar[str] = "date"

    date: Annotated[
        Annotated[Identifier, Tag("<text>")] | Annotated[ObjectField, Tag("<mapping>")],
        Discriminator(
            by_kind,
            custom_error_type="date",
            custom_error_message="date must be an attribute, or {object: subscription, field: renews_on}",
        ),
    ]
    """An attribute that is a date or a timestamp, or a field of an object."""
    offset: Offset = NO_OFFSET
    """So long after the date; with a minus, before it."""
    at: TimeOfDay = time()
    timezone: str | None = None
    """An IANA zone, or `contact` for that of each contact; default: the project's."""
    repeat: Literal["once", "yearly"] = "once"
    """`yearly`: also in each year after it. 29 February counts as 28 in years that have none."""
    segment: Identifier | None = None
    """Only its members at that time."""

    def check(self, check: TriggerCheck, loc: Loc) -> None:
        if self.segment is not None:
            check.segment(self.segment, (*loc, "segment"))
        check.zone(self.timezone, (*loc, "timezone"))
        if isinstance(self.date, ObjectField):
            self._check_field(self.date, check, (*loc, "date"))
            return
        attributes = check.catalog.contacts.attributes
        if self.date not in attributes:
            dates = [name for name, one in attributes.items() if one.type in ("date", "timestamp")]
            check.unknown((*loc, "date"), "attribute", self.date, dates)
        elif attributes[self.date].type not in ("date", "timestamp"):
            check(
                (*loc, "date"),
                f"{self.date} is a {attributes[self.date].type}: a date trigger needs a date or timestamp",
            )

    @staticmethod
    def _check_field(named: ObjectField, check: TriggerCheck, loc: Loc) -> None:
        found = check.catalog.objects.get(named.object)
        if found is None:
            check.unknown((*loc, "object"), "object", named.object, list(check.catalog.objects))
            return
        if named.field not in found.fields:
            check.unknown((*loc, "field"), "field", named.field, list(found.fields))
        elif found.fields[named.field].type not in ("date", "timestamp"):
            kind = found.fields[named.field].type
            check((*loc, "field"), f"{named.field} is a {kind}: a date trigger needs a date or timestamp")

    def name(self) -> str:
        """What date it is about: `birthday`, `subscription.renews_on`."""
        return f"{self.date.object}.{self.date.field}" if isinstance(self.date, ObjectField) else self.date

    def told(self) -> str:
        moved = "" if self.offset == NO_OFFSET else f" {self.offset}"
        also = ", yearly" if self.repeat == "yearly" else ""
        return f"date {self.name()}{moved} at {written_time(self.at)}{also}"

    def segment_read(self) -> str | None:
        return self.segment

    def attributes_read(self) -> set[str]:
        return set() if isinstance(self.date, ObjectField) else {self.date}

    def objects_read(self) -> set[str]:
        return {self.date.object} if isinstance(self.date, ObjectField) else set()
