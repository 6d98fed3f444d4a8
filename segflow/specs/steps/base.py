"""What a kind of step says of itself, in one file of this folder: its spec, its checks, the ways on from it, what it
writes, its words. The engine and the checks know steps by this alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, ForwardRef, Literal, Protocol, TypeAlias

from segflow.durations import Duration
from segflow.messages import Channel
from segflow.specs.catalog import Catalog
from segflow.specs.send_window import SendWindow
from segflow.specs.skip_after import SkipAfter
from segflow.specs.spec_file import Loc
from segflow.specs.steps.timing import Timing
from segflow.specs.types import Identifier, SpecModel

if TYPE_CHECKING:
    AnyStep: TypeAlias = "Step"
else:
    # The union is made of all files of this folder, when they are there.
    AnyStep = ForwardRef("_StepUnion")
Place = tuple[str | int, ...]


@dataclass(frozen=True)
class Arm:
    """A way on from a step. A contact takes the first one that it can, in order; when it can take none, it stays.

    After `steps` it goes on at what follows the step, unless the arm `ends` the enrollment, for this reason.
    """

    name: str = ""
    """What the journal calls it; empty where a step has one way only."""
    steps: Sequence[Any] = ()
    at: Place = ()
    """Where its steps stand in the step."""
    condition: Any = None
    """Must hold."""
    condition_at: Place = ()
    share: tuple[float, float] | None = None
    """From which to which part, between 0 and 1, of all contacts it is for."""
    timing: Timing | None = None
    """When it can be taken; None: at once."""
    ends: str | None = None


@dataclass(frozen=True)
class Row:
    """What a step leaves behind. A message has a channel; `content` is what is rendered, as JSON has it."""

    channel: Channel | None = None
    sender: str | None = None
    content: Mapping[str, Any] | None = None
    detail: str | None = None
    """What the journal says."""
    coupon: str | None = None
    """The pool of which it claims a code; the journal says which."""
    task: Mapping[str, Any] | None = None
    """What a person is to do: title, assignee, due (a span)."""
    call: tuple[Literal["enter", "leave"], str] | None = None
    """Another flow that the contact is to enter or leave."""
    deletes: bool = False
    """Is the contact deleted?"""


@dataclass(frozen=True)
class Update:
    """One change that a step makes to a contact: kind `list` or `tag` (value add or remove) or `attribute` (its new
    value)."""

    kind: Literal["list", "tag", "attribute"]
    name: str
    value: str | None
    how: Literal["set", "add", "fill", "now"] = "set"
    """add: `value` is added to what is there. fill: it is a template. now: the tick's time, for an attribute of one."""


class Checks(Protocol):
    """What a step may ask while it is checked. A `loc` is a place in the flow's file."""

    @property
    def catalog(self) -> Catalog: ...
    def problem(self, loc: Loc, message: str, *, key: bool = False) -> None:
        """Report at the value of `loc`, or at its key."""

    def warn(self, loc: Loc, message: str) -> None:
        """Report what stops nothing."""

    def unknown(self, loc: Loc, kind: str, name: str, known: Sequence[str]) -> None:
        """Report that there is no `kind` of this name."""

    def written(self, loc: Loc) -> bool:
        """Does the file have something at `loc`? Short forms have not."""

    def condition(self, condition: Any, loc: Loc) -> None:
        """Check a condition about the enrollment."""

    def label(self, kind: str, name: str, loc: Loc) -> None:
        """Check the name of a list or tag."""

    def other_flow(self, name: str, loc: Loc, instead: str) -> None:
        """Check that there is such a flow, and that it is another one; `instead` says what to do where it is not."""

    def span(self, span: Duration, loc: Loc) -> None:
        """Check that a span can be reckoned with."""

    def attribute(self, name: str, loc: Loc) -> bool:
        """Check that contacts have such an attribute."""

    def date_attribute(self, name: str, loc: Loc) -> None:
        """Check that contacts have such an attribute, and that it is a date or a timestamp."""

    def written_by_flows(self, name: str, loc: Loc) -> None:
        """Check that flows may write the attribute."""

    def literal(self, value: Any, attribute: str, loc: Loc) -> None:
        """Check a value against the type of an attribute."""

    def timezone(self, name: str | None, loc: Loc) -> None:
        """Check a zone's name, or `contact`."""

    def channel(self, channel: Channel, loc: Loc, sender: str | None) -> None:
        """Check that contacts can be reached there, and the sender."""

    def topic(self, name: str, loc: Loc) -> None:
        """Check the name of a topic."""

    def coupon_pool(self, name: str, loc: Loc) -> None:
        """Check the name of a pool of codes."""

    def person(self, name: str, sender: str | None, loc: Loc) -> None:
        """Check that the sender of notifications knows somebody."""

    def called(self, url: str, sender: str | None, loc: Loc) -> None:
        """Warn of a URL that the sender of webhooks would not call."""

    def texts(self, texts: Mapping[str, str | None], loc: Loc) -> None:
        """Check templates that stand in the file, by the key below `loc`."""

    def body(self, value: Any, loc: Loc) -> None:
        """Check all texts of a JSON value as templates."""

    def attachments(self, names: Sequence[str], sender: str | None, loc: Loc) -> None:
        """Check that the files are there, are not too large together, and that the sender sends any."""

    def template(self, name: str, loc: Loc) -> Any:
        """The template of this name; None when it is missing or broken, which is reported then."""


class Step(SpecModel):
    """What every step has."""

    id: Identifier
    description: str | None = None
    skip_after: SkipAfter | None = None
    """What comes later is passed by: a day, a time, `{trigger: FIELD}` or `{attribute: NAME}`."""

    key: ClassVar[str]
    """The word that names the kind, and the field that holds what it does."""
    order: ClassVar[int]
    """Where the kind stands in messages and pages."""
    arms_at: ClassVar[tuple[Place, ...]] = ()
    """Where steps stand in it, as the file has them; `*` is any position of a list."""
    asked_again: ClassVar[bool] = False
    """Must a contact that an edit leads through it once more choose a way again? Others are passed by then."""
    sends: ClassVar[Channel | None] = None
    """The channel on which it plans a message."""

    @property
    def body(self) -> Any:
        """What stands at `key`."""
        return getattr(self, self.key)

    @property
    def channels(self) -> Sequence[Channel]:
        """The channels by which its message may go."""
        return () if self.sends is None else (self.sends,)

    @property
    def templates(self) -> Sequence[str]:
        """The template files that it reads, by name."""
        return ()

    @property
    def ends_on_failure(self) -> bool:
        """Those that may fail have a field `on_failure`: does the enrollment end then?"""
        return getattr(self, "on_failure", "continue") == "end"

    def check(self, checks: Checks, loc: Loc) -> None:
        """Report what is wrong with the step at `loc`. The conditions and steps of its arms are checked for it."""

    def arms(self) -> Sequence[Arm]:
        """The ways on, in order."""
        return (Arm(),)

    def row(self) -> Row:
        """What it leaves behind."""
        return Row()

    def updates(self) -> Sequence[Update]:
        """What it changes about contacts."""
        return ()

    def within(self, window: SendWindow | None) -> Step:
        """The step in a flow with this window for what it sends to contacts."""
        return self

    def words(self) -> str:
        """What it does, for pictures and pages."""
        return self.key.replace("_", " ")

    @classmethod
    def suggested_id(cls, body: Any) -> Sequence[Any]:
        """The words of an id for a step that has none; `body` is what its file says, right or wrong."""
        return (cls.key,)

    @property
    def decides(self) -> bool:
        """Is there more than one way on, or one that not everybody may take?"""
        return any(arm.condition is not None or arm.share is not None for arm in self.arms()) or len(self.arms()) > 1


def place_of(step: Step, arm: Arm) -> str:
    """The name of an arm's condition among those of a flow."""
    return f"{step.id}/{arm.name}"


def walk(steps: Sequence[Step], loc: Place = ()) -> Iterator[tuple[Step, Place]]:
    """Every step with its place, those inside of others included, in the order in which the file has them."""
    for index, step in enumerate(steps):
        at = (*loc, index)
        yield step, at
        for arm in step.arms():
            yield from walk(arm.steps, (*at, *arm.at))
