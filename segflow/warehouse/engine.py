"""What the rest of segflow knows of an engine: what it can do, how it says SQL, how it is opened and how dbt uses it.

Facts are read, never the name: code that asks "is it DuckDB?" is wrong for the next engine.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import ClassVar, TypeVar

from segflow.durations import Duration
from segflow.warehouse.base import Warehouse
from segflow.warehouse.tables import SCHEMA
from segflow.warehouse.words import Words

Found = TypeVar("Found")


class Engine(ABC):
    """One project's warehouse before it is opened."""

    title: ClassVar[str]
    """What people call it."""
    words: ClassVar[Words]

    transactions: ClassVar[bool]
    """Can several statements be committed, or rolled back, together? Without it `plan` has nothing to try a tick in."""
    temporary_tables: ClassVar[bool]
    """Do tables of a connection vanish with it? Without it what `stage` leaves has to be dropped."""
    row_deletes: ClassVar[bool]
    """Can single rows be deleted? Without it `patch` writes the whole table anew, and so do facts that are patched."""
    patches_facts: ClassVar[bool]
    """Do later ticks patch facts, unless `facts.patch` says otherwise? Not where that takes longer than all of them."""
    laterals: ClassVar[bool]
    """Can a query that is asked for each row of another use that row at any depth? Without it `explain` asks for each
    moment by itself."""
    file_backed: ClassVar[bool]
    """Is it one file, that can be lost, damaged or put back from a backup? Only such a one is rebuilt from its ledger
    files; a server has backups of its own."""
    late_views: ClassVar[bool]
    """Do views find what they read by name, each time they are read? Then a view need not be built again when a table
    below it was replaced."""

    schemas: ClassVar[tuple[str, ...]] = (SCHEMA,)
    """Those that hold what is segflow's own."""

    @property
    @abstractmethod
    def where(self) -> str:
        """The warehouse by its place, in words: a path, or host and database."""

    @property
    @abstractmethod
    def path(self) -> Path:
        """The file of a file-backed engine."""

    @abstractmethod
    def exists(self) -> bool:
        """Has a tick, or dbt, made it?"""

    @abstractmethod
    def open(self, *, keep_ledgers: bool = True) -> Warehouse:
        """A new connection; close it soon, it may lock others out. `keep_ledgers`: what `settle` is told outlives the
        warehouse, where the engine is not safe itself. Raises InputError or RunError when it does not open."""

    def look(self) -> Warehouse:
        """A connection to read what is there. It leaves nothing of segflow's. Raises InputError when it does not
        open."""
        return self.open(keep_ledgers=False)

    @abstractmethod
    def made_by(self) -> str | None:
        """The engine and version that made the warehouse; None when that cannot be told."""

    def notes(self) -> list[tuple[str, str, str]]:
        """What somebody may want to know of the warehouse though nothing is wrong: what it is, what that means, and
        what can be done. Raises InputError when it cannot be reached."""
        return []

    @abstractmethod
    def damage(self) -> str | None:
        """What is damaged in a file-backed warehouse, None when it is whole or not there. Raises RunError when that
        cannot be told."""

    @abstractmethod
    def set_aside(self) -> Path | None:
        """Give a damaged file-backed warehouse another name, so that a new one can be made; returns the path that it
        has now, None when there was none."""

    @abstractmethod
    def rehearse(self, play: Callable[[Warehouse], Found]) -> Found:
        """What `play` finds in a transaction that is rolled back; it may be called several times. Raises what it
        raises. Only with `transactions`."""

    @abstractmethod
    def dbt_environment(self) -> Mapping[str, str]:
        """The environment variables that a dbt profile may ask for."""

    @abstractmethod
    def dbt_session(self) -> None:
        """dbt is at work in this process, or starting: let its sessions be in UTC. Called with each of its events, so
        it has to be quick; raises InputError when dbt's profile asks for another zone."""

    @abstractmethod
    def dbt_release(self) -> None:
        """dbt has run in this process: let go of what its adapter keeps open, if that locks others out."""

    @abstractmethod
    def dbt_time_limits(self, limits: Mapping[str, Duration]) -> AbstractContextManager[None]:
        """While dbt runs inside the block, stop every model of `limits` that takes longer; it fails."""

    @abstractmethod
    def was_stopped(self, message: str) -> bool:
        """Does dbt's message about a model say that `dbt_time_limits` stopped it?"""

    @abstractmethod
    def plain(self, message: str) -> str:
        """The engine's message in one line, without generated SQL and advice to programmers."""
