"""What an engine is asked before a project's warehouse is known, and without its library."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar

from sqlglot import exp

from segflow.warehouse.allowed import Allowed
from segflow.warehouse.engine import Engine
from segflow.warehouse.words import Words


class TargetError(ValueError):
    """A target of a dbt profile is none that segflow can work on. The message goes on from the target's name."""


@dataclass(frozen=True)
class Place:
    """Where a warehouse is."""

    path: Path | None = None
    """The file of a file-backed engine."""
    connection: Mapping[str, str] = field(default_factory=dict, repr=False)
    """How a server is reached, by the names of its library. It may hold a password."""
    session_problem: str | None = None
    """What is wrong with the sessions that dbt will open: WHAT, and WHY: WHAT TO DO. None: nothing."""


class Wing(ABC):
    """An engine as settings name it."""

    name: ClassVar[str]
    """In segflow.yml."""
    title: ClassVar[str]
    """What people call it."""
    adapter: ClassVar[str]
    """The `type` that a target in dbt's profile has for it."""
    dialect: ClassVar[str]
    """The sqlglot dialect of what people write for it: `.sql` segments and sql conditions."""
    like_escape: ClassVar[str | None] = None
    """What escapes the next sign in a pattern of LIKE that says nothing of it."""
    extra: ClassVar[str | None] = None
    """The extra of segflow that installs its library and dbt's adapter; None: they are always there."""
    modules: ClassVar[tuple[str, ...]] = ()
    """What that extra installs."""
    schemes: ClassVar[tuple[str, ...]] = ()
    """What the URLs of its servers begin with."""
    file_backed: ClassVar[bool]
    """See `Engine`."""

    def missing(self) -> str | None:
        """What has to be installed, in a sentence; None when all of it is there."""
        absent = [module for module in self.modules if not _installed(module)]
        if not absent:
            return None
        return (
            f"{self.title} needs {' and '.join(absent)}, which are not installed: pip install 'segflow[{self.extra}]'"
        )

    @abstractmethod
    def place(self, output: Mapping[str, Any], render: Callable[[Any], Any], project: Path) -> Place:
        """Where a target of a profile leads to. `render` does the Jinja of its values; relative paths are meant from
        `project`. Raises TargetError."""

    def target_at(self, url: str) -> dict[str, str]:
        """What a target of a profile has to say to lead where a URL of `schemes` does; it may hold a password. Raises
        TargetError."""
        raise AssertionError(f"{self.title} is no server")

    @abstractmethod
    def engine(self, place: Place, ledgers: Path, memory_limit: str | None) -> Engine:
        """The engine at a place. Nothing is opened. A file-backed one keeps its ledgers in the folder `ledgers`, and
        takes no more memory than `memory_limit` says (like 4GB)."""

    @abstractmethod
    def words(self) -> Words:
        """How the engine says what engines say in different ways."""

    @property
    @abstractmethod
    def allowed(self) -> Allowed:
        """What people's SQL may say on it."""

    @abstractmethod
    def pattern_problem(self, pattern: str) -> str | None:
        """What is wrong with a regular expression, as the engine reads it; None when nothing is."""

    @abstractmethod
    def condition_problem(self, query: exp.Query) -> str | None:
        """Why the only column of a query over no table is no boolean, as far as that can be told without a warehouse;
        None when it is one."""


def _installed(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:
        return False
