"""The first segments and flows: of a template, or two segments and a flow that hold on the data."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from segflow.errors import RunError, SpecError
from segflow.segments.compiler import compile_project
from segflow.specs.load import load_specs
from segflow.specs.project import Specs
from segflow.start.examples import Example, in_sql, in_yaml
from segflow.start.names import identifier
from segflow.start.plan import Proposal
from segflow.start.presets import presets
from segflow.start.render import filled
from segflow.start.try_out import TryOut

_GREETED_AT_MOST = 1_000
"""So many members are greeted by the first tick; with more, the flow begins with those who come."""


@dataclass
class FirstSpecs:
    """What was written: files, members by segment, flows, and the segment and the contact to look at first."""

    contacts: int
    files: dict[str, str] = field(default_factory=dict)
    members: dict[str, int] = field(default_factory=dict)
    flows: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    shown: str = ""
    contact: str = "CONTACT"


def title_of(root: Path) -> str:
    """What letters call the project."""
    return identifier(root.name, "project").replace("_", " ").title()


@dataclass(frozen=True)
class Template:
    """Which one, and whether it has brought the data."""

    name: str
    sample: bool


def first_specs(project: Path, proposal: Proposal, tried: TryOut, template: Template | None, title: str) -> FirstSpecs:
    """Write segments, flows and letters below `project`, which has a catalog. Raises RunError when they do not pass
    segflow's own checks, which would be a fault of ours."""
    specs, who = _loaded(project), proposal.contacts
    made = FirstSpecs(tried.contacts(who.model, who.key))
    segments: list[str] = []
    if template is not None:
        brought = presets(template.name, proposal, title, template.sample)
        made.files |= brought.files
        made.flows, segments, made.left_out = brought.flows, brought.segments, brought.left_out
    if not segments:
        example = in_yaml(proposal, specs, tried, made.contacts)
        made.files |= _segment(example)
        segments.append(example.id)
        if not made.flows:
            flow, files = _flow(proposal, example, title)
            made.files |= files
            made.flows.append(flow)
    other = in_sql(proposal, tried, made.contacts)
    other.id = f"{other.id}_in_sql" if other.id in segments else other.id
    made.files |= _sql_segment(other)
    segments.append(other.id)
    for name, text in made.files.items():
        path = project / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    specs = _loaded(project)
    for segment in segments:
        made.members[segment], contact = tried.members(specs, segment)
        if contact is not None and not made.shown:
            made.shown, made.contact = segment, contact
    made.shown = made.shown or segments[0]
    return made


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


def _segment(example: Example) -> dict[str, str]:
    test = {
        "name": "one who is in, and one who is not" if len(example.test_contacts) > 1 else "whoever is there",
        "as_of": "2026-03-01",
        "contacts": example.test_contacts,
        "events": example.test_events,
    }
    text = filled(
        "segment_specs/segment.yml",
        id=example.id,
        description=example.description,
        where=example.where,
        test=test if example.test_contacts else None,
    )
    return {f"segment_specs/{example.id}.yml": text}


def _sql_segment(example: Example) -> dict[str, str]:
    text = filled("segment_specs/segment.sql", description=example.description, query=example.query)
    return {f"segment_specs/{example.id}.sql": text}


def _flow(proposal: Proposal, example: Example, title: str) -> tuple[str, dict[str, str]]:
    """The flow for those who come into a segment: a letter, a text message, or a task."""
    who, flow = proposal.contacts, f"greet_{example.id}"[:60]
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
