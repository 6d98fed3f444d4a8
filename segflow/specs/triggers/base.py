"""What every kind of trigger says about itself."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import ClassVar, Literal, Protocol

from segflow.specs.catalog import Catalog
from segflow.specs.conditions import PropertyNode
from segflow.specs.spec_file import Loc
from segflow.specs.types import SpecModel

Side = Literal["in", "out"]


class TriggerCheck(Protocol):
    """What a trigger may ask while it is checked: it stands in a file, and the project has a catalog."""

    @property
    def catalog(self) -> Catalog: ...

    def __call__(self, loc: Loc, message: str, *, key: bool = False) -> None:
        """Report at the value of `loc`, or at its key."""

    def segment(self, name: str, loc: Loc) -> None:
        """Report a segment that is not there."""

    def zone(self, name: str | None, loc: Loc) -> None:
        """Report a zone that is not there; `contact` needs to be told in the catalog. None is the project's."""

    def unknown(self, loc: Loc, kind: str, name: str, known: Sequence[str]) -> None:
        """Report that there is no `kind` of this name, with the likeliest one of `known`."""

    def event(self, name: str, where: PropertyNode | None, loc: Loc) -> None:
        """Report what is wrong with the event, or with a condition on its properties, of a trigger at `loc`."""


class TriggerModel(SpecModel):
    """One trigger: when a flow is offered contacts, and which. The engine's side is `segflow/flows/triggers`."""

    word: ClassVar[str]
    """The key that names it in YAML; `trigger_kind` in the warehouse."""

    @abstractmethod
    def check(self, check: TriggerCheck, loc: Loc) -> None:
        """Check it against the project; it stands at `loc`."""

    @abstractmethod
    def told(self) -> str:
        """It, in words: `enters londoners`."""

    def segment_read(self) -> str | None:
        """The segment that it is about."""
        return None

    def side(self) -> Side | None:
        """Whoever is in (or outside of) its segment meets the trigger as long as that is so. None: a moment decides."""
        return None

    def attributes_read(self) -> set[str]:
        """The attributes of contacts that it reads."""
        return set()

    def objects_read(self) -> set[str]:
        """The objects whose rows it looks at itself."""
        return set()
