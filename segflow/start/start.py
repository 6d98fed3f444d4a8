"""`segflow init`: from somebody's data to a project whose first tick is green."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from segflow.errors import InputError, RunError, SpecError
from segflow.segments.compiler import compile_project
from segflow.specs.load import load_specs
from segflow.specs.project import Specs
from segflow.start.catalog import catalog
from segflow.start.examples import Example, in_sql, in_yaml
from segflow.start.names import identifier
from segflow.start.place import building, check_place
from segflow.start.plan import Choice, Proposal
from segflow.start.propose import propose
from segflow.start.render import filled
from segflow.start.sources import Data, find_data
from segflow.start.staging import Staging, staging
from segflow.start.try_out import TryOut
from segflow.warehouse.engines import reader
from segflow.zones import known_zone

_GREETED_AT_MOST = 1_000
"""So many members are greeted by the first tick; with more, the flow begins with those who come."""


@dataclass
class Wanted:
    """What somebody asked for."""

    root: Path
    data: str
    name: str | None = None
    time_zone: str = "UTC"
    contacts: str | None = None


@dataclass
class Started:
    """What was made: files below the project, why, what was left out, and what to try."""

    root: Path
    contacts: int
    files: list[str]
    choices: list[Choice]
    left_out: list[str]
    segments: dict[str, int]
    """Segment -> members, as of now."""
    flows: list[str]
    commands: list[str] = field(default_factory=list)


def start(wanted: Wanted, agreed: Callable[[Proposal], bool] = lambda _: True) -> Started | None:
    """Make a project at `wanted.root`. `agreed` sees the proposal first; None when it says no, and nothing is written.

    Raises InputError for a place or data that cannot be used, RunError when files cannot be written.
    """
    root = wanted.root.expanduser().resolve()
    if not known_zone(wanted.time_zone):
        raise InputError(f"{wanted.time_zone} is no time zone; give one like Europe/Berlin")
    check_place(root)
    with closing(reader()) as reads:
        data = find_data(reads, wanted.data)
        proposal = propose(reads.warehouse, data, wanted.contacts)
        if not agreed(proposal):
            return None
        models = staging(reads, data, proposal, root)
        files = _frame(wanted, root, data, models)
        files["segment_specs/catalog.yml"] = catalog(proposal)
        with building(root, files) as folder:
            tried = TryOut(reads.warehouse, models.models)
            made = _first_specs(folder, proposal, tried, root)
            files |= made.files
    contact = made.contact
    commands = [f"cd {wanted.root}"] if root != Path.cwd() else []
    commands += ["segflow tick", f"segflow preview {made.example.id}", f"segflow explain {made.example.id} {contact}"]
    return Started(
        root,
        made.contacts,
        sorted(files),
        proposal.choices,
        proposal.left_out,
        made.members,
        [made.flow],
        commands,
    )


def _frame(wanted: Wanted, root: Path, data: Data, models: Staging) -> dict[str, str]:
    """The files that are alike in all projects."""
    name = identifier(wanted.name or root.name, "project")
    schemas = {source.place[0] for source in data.sources if source.place is not None}
    database = str(data.database) if data.database is not None else None
    if data.database is not None and root in data.database.parents:
        database = str(data.database.relative_to(root))
    values: dict[str, Any] = {
        "name": name,
        "title": name.replace("_", " ").title(),
        "time_zone": wanted.time_zone,
        "staging": "staging" if "staging" not in schemas else "segflow_staging",
        "warehouse": database,
        "warehouse_default": _from_dbt(database) if database else "../.segflow/warehouse.duckdb",
    }
    found = {file: filled(file, **values) for file in ("segflow.yml", "dbt/dbt_project.yml", "dbt/profiles.yml")}
    return {**found, ".gitignore": filled("gitignore", **values), **models.files}


def _from_dbt(path: str) -> str:
    return path if Path(path).is_absolute() else f"../{path}"


@dataclass
class _Made:
    example: Example
    flow: str
    files: dict[str, str]
    members: dict[str, int]
    contacts: int
    contact: str


def _first_specs(folder: Path, proposal: Proposal, tried: TryOut, root: Path) -> _Made:
    """Write a segment of conditions, one in SQL, a flow and its template; all of them hold on the data."""
    specs = _loaded(folder)
    who = proposal.contacts
    contacts = tried.contacts(who.model, who.key)
    example = in_yaml(proposal, specs, tried, contacts)
    other = in_sql(proposal, tried, contacts)
    if other.id == example.id:
        other.id = f"{other.id}_in_sql"
    files = _segments(example, other)
    flow, more = _flow(proposal, example, root)
    files |= more
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    specs = _loaded(folder)
    members, first = {}, None
    for segment in (example.id, other.id):
        members[segment], one = tried.members(specs, segment)
        first = first or one
    return _Made(example, flow, files, members, contacts, first or "CONTACT")


def _loaded(folder: Path) -> Specs:
    """The specs as they are checked and compiled. That they fail is a fault of ours."""
    try:
        specs = load_specs(folder)
        compile_project(specs)
    except SpecError as error:
        raise RunError(
            f"init made files that do not pass its own checks; nothing was written. Please report it:\n{error}"
        ) from None
    return specs


def _segments(example: Example, other: Example) -> dict[str, str]:
    test = {
        "name": "one who is in, and one who is not" if len(example.test_contacts) > 1 else "whoever is there",
        "as_of": "2026-03-01",
        "contacts": example.test_contacts,
        "events": example.test_events,
    }
    return {
        f"segment_specs/{example.id}.yml": filled(
            "segment_specs/segment.yml",
            id=example.id,
            description=example.description,
            where=example.where,
            test=test if example.test_contacts else None,
        ),
        f"segment_specs/{other.id}.sql": filled(
            "segment_specs/segment.sql", description=other.description, query=other.query
        ),
    }


def _flow(proposal: Proposal, example: Example, root: Path) -> tuple[str, dict[str, str]]:
    """The flow for those who come into a segment: a letter, a text message, or a task."""
    who, flow = proposal.contacts, f"greet_{example.id}"[:60]
    title = identifier(root.name, "project").replace("_", " ").title()
    greeting = f" {{{{ contact.{who.first_name} | default('there') }}}}" if who.first_name else ""
    told = example.description[:1].lower() + example.description[1:]
    files = {
        f"flow_specs/{flow}.yml": filled(
            "flow_specs/flow.yml",
            description=f"Greets those who enter {example.id}: {told}",
            segment=example.id,
            include_members=example.members <= _GREETED_AT_MOST,
            email=who.email is not None,
            template="hello",
            sms=f"Hello{greeting}, this is {title}." if who.phone is not None else None,
            task="Get in touch with {{ contact.contact_id }}",
        )
    }
    if who.email is not None:
        subject = f"Hello{greeting}" if greeting else f"A letter of {title}"
        files["flow_specs/templates/hello.txt"] = filled(
            "flow_specs/templates/hello.txt",
            subject=subject, greeting=greeting, flow=flow, segment=example.id, template="hello", title=title,
        )  # fmt: skip
    return flow, files
