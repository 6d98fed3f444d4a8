"""What the page of an asset says before any tick: the rule in words, as its author wrote it, and as SQL; who changed
it, who uses it, what lint says, and when a guard holds it."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from dagster import BetaWarning, CodeReferencesMetadataValue, LocalFileCodeReference, MetadataValue

from segflow.history.authors import Authors, authors
from segflow.lint.findings import Report
from segflow.lint.flows import flows as lint_flows
from segflow.lint.without_data import without_data
from segflow.segments.compiler import Compiled
from segflow.segments.nodes import Crossed, Member
from segflow.segments.sentence import sentence
from segflow.specs.guards import EntriesGuard, ExitsGuard, segment_guards
from segflow.specs.segment import SegmentSpec

Metadata = dict[str, Any]


class Pages:
    """The pages of a project's segments, flows and senders."""

    def __init__(self, compiled: Compiled) -> None:
        self._compiled, self._specs = compiled, compiled.specs
        root = self._specs.root
        self._authors = authors(root, "segment_specs") | authors(root, "flow_specs")
        self._lint = Report(self._specs)
        now = datetime.now(UTC)
        without_data(self._lint, compiled, list(self._specs.segments.values()), now)
        lint_flows(self._lint, compiled, now)

    def segment(self, name: str) -> tuple[str | None, Metadata]:
        """(description, metadata) of a segment."""
        named = self._specs.segments[name]
        spec, words = named.spec, []
        if isinstance(spec, SegmentSpec):
            lines = sentence(spec.where, self._specs.catalog.event_texts())
            words = [f"Members are the contacts with {lines[0]}{':' if len(lines) > 1 else ''}", "", *lines[1:]]
        metadata: Metadata = {"rule": _code(self._text(named.file), "yaml" if isinstance(spec, SegmentSpec) else "sql")}
        if isinstance(spec, SegmentSpec):
            metadata["sql"] = _code(self._compiled.segments[name].standalone, "sql")
        uses = self._uses(name)
        metadata["used_by"] = _list(uses, "nothing but its export and its queries")
        held = [
            _held_when(guard) for guard in segment_guards(self._specs.settings.guards, spec.guards) if guard is not None
        ]
        if held:
            metadata["guard"] = MetadataValue.md(
                "held when, in one tick,\n" + "\n".join(f"- {one}" for one in held)
                + f"\n\nA person lets it pass, once: job `release`, or `segflow release {name}`"
            )  # fmt: skip
        metadata |= self._lint_of([str(one) for one in self._lint.findings if one.segment == name])
        return _description(spec.description, words), metadata | self._file(named.file)

    def flow(self, name: str) -> tuple[str | None, Metadata]:
        """(description, metadata) of a flow."""
        named = self._specs.flows[name]
        found = self._lint_of([str(one) for one in self._lint.findings if one.flow == name])
        metadata = {"rule": _code(self._text(named.file), "yaml"), **found, **self._file(named.file)}
        return _description(named.spec.description, []), metadata

    def _uses(self, name: str) -> list[str]:
        others = [f"segment {one.id}" for one in self._compiled.segments.values() if name in one.references]
        for flow in self._specs.flows.values():
            nodes = [below for node in self._compiled.conditions[flow.id].values() for below in node.walk()]
            asked = {node.segment for node in nodes if isinstance(node, Member | Crossed)}
            if name in flow.spec.trigger_segments():
                others.append(f"flow {flow.id}: its trigger")
            elif name in asked:
                others.append(f"flow {flow.id}: its conditions")
        return others

    def _text(self, file: str) -> str:
        return (self._specs.root / file).read_text(encoding="utf-8")

    def _lint_of(self, findings: Sequence[str]) -> Metadata:
        return {"lint": _list(findings, "")} if findings else {}

    def _file(self, file: str) -> Metadata:
        found: Metadata = {"file": file, **code_of(self._specs.root / file, file)}
        told: Authors | None = self._authors.get(file)
        if told is not None:
            found["made"] = f"{told.created_by}, {told.created_at:%Y-%m-%d}"
            found["last_changed"] = f"{told.changed_by}, {told.changed_at:%Y-%m-%d}"
        return found


def code_of(path: Path, label: str) -> Metadata:
    """The link to a file that Dagster shows."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", BetaWarning)
        reference = LocalFileCodeReference(file_path=str(path), line_number=1, label=label)
        return {"dagster/code_references": CodeReferencesMetadataValue(code_references=[reference])}


def _held_when(guard: ExitsGuard | EntriesGuard) -> str:
    if isinstance(guard, ExitsGuard):
        past = "" if guard.lowest is None else f"; with a past: more than {guard.lowest:g}%, and more than usual"
        return f"more than {guard.percent:g}% of its members exit, of at least {guard.of_at_least:,}{past}"
    past = "" if guard.lowest is None else f"; with a past: more than {guard.lowest:g} times, and more than usual"
    return f"more than {guard.above:,} enter, and more than {guard.times:g} times its members{past}"


def _description(own: str | None, words: Sequence[str]) -> str | None:
    """In Markdown; the lines of a sentence are nested lists."""
    return "\n\n".join(part for part in (own or "", "\n".join(words).strip()) if part) or None


def _code(text: str, language: str) -> MetadataValue:
    return MetadataValue.md(f"```{language}\n{text.strip()}\n```")


def _list(lines: Sequence[str], none: str) -> MetadataValue:
    return MetadataValue.md("\n".join(f"- {line}" for line in lines) or none)
