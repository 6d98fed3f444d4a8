"""`segflow fmt`: writes the step ids that are missing.

Ids are inserted into the text at the places that the parser reports; nothing else is touched. Loading and dumping,
even with a library that keeps comments, would reflow long lines and move comments of a colleague's file.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from segflow.errors import Issue, SpecError, relative
from segflow.files import write_whole
from segflow.specs.spec_file import Node, parse_spec_file, read_text
from segflow.specs.steps import KINDS
from segflow.specs.steps.base import Place

_WORDS = re.compile(r"[a-z0-9]+")
_MAX_ID = 60


def fmt_project(root: Path, check: bool) -> list[Path]:
    """Format every flow of the project; with `check` nothing is written. Returns the files that (would) change.

    Raises SpecError when a flow cannot be read as YAML; the others are formatted all the same. Raises RunError when
    a file cannot be written; it is as it was then.
    """
    changed: list[Path] = []
    issues: list[Issue] = []
    for path in sorted((root / "flow_specs").glob("*.yml")):
        file = relative(path, root)
        _, found = read_text(path, file)
        if found:
            issues += found
            continue
        # bytes, not read_text(): that would turn the line ends of a file from Windows into our own
        text = path.read_bytes().decode("utf-8")
        try:
            formatted = format_flow(text, file)
        except SpecError as error:
            issues += error.issues
            continue
        if formatted != text:
            changed.append(path)
            if not check:
                # A link stays one: the file behind it is replaced.
                write_whole(path.resolve(), formatted.encode("utf-8"))
    if issues:
        raise SpecError(issues)
    return changed


def format_flow(text: str, file: str = "flow.yml") -> str:
    """The text of a flow with an id for each step that has none. Existing ids, comments and layout stay.

    Raises SpecError when `text` is not valid YAML.
    """
    mark = "\ufeff" if text.startswith("\ufeff") else ""
    body = text.removeprefix(mark)
    source = parse_spec_file(body, file)
    if source.issues:
        raise SpecError(source.issues)
    steps = list(_steps(source.root.children.get("steps")))
    taken = {str(step.value["id"]) for step in steps if "id" in step.value}
    insertions: dict[tuple[int, int], str] = {}
    lines = body.splitlines(keepends=True) if "\n" not in body else re.findall(r"[^\n]*\n|[^\n]+", body)
    for step in steps:
        place = next(iter(step.keys.values()), None)
        if "id" in step.value or place is None or place in insertions:
            continue
        name = _unique(_derive(step.value), taken)
        taken.add(name)
        line_end = "\r\n" if lines[place[0] - 1].endswith("\r\n") else "\n"
        insertions[place] = f"id: {name}, " if step.inline else f"id: {name}{line_end}{' ' * (place[1] - 1)}"
    for (line, column), inserted in sorted(insertions.items(), reverse=True):
        given = lines[line - 1]
        lines[line - 1] = given[: column - 1] + inserted + given[column - 1 :]
    result = "".join(lines)
    if insertions and parse_spec_file(result, file).issues:
        # a key written in a form that no line can be put before (`? key`): better no id than a broken file
        raise SpecError([Issue(file, *min(insertions), "cannot write an id here; write it by hand")])
    return mark + result


def _steps(node: Node | None) -> Iterator[Node]:
    if node is None or not isinstance(node.value, list):
        return
    for step in node.children.values():
        if isinstance(step.value, dict):
            yield step
            for place in (at for key in step.value if key in KINDS for at in KINDS[key].arms_at):
                for held in _at(step, place):
                    yield from _steps(held)


def _at(node: Node, place: Place) -> Iterator[Node]:
    """What stands below `node` at `place`, in which `*` is any position of a list."""
    if not place:
        yield node
        return
    named = node.children.values() if place[0] == "*" else filter(None, [node.children.get(place[0])])
    for child in named:
        yield from _at(child, place[1:])


def _unique(name: str, taken: set[str]) -> str:
    if name not in taken:
        return name
    number = 2
    while f"{name[: _MAX_ID - 5]}_{number}" in taken:
        number += 1
    return f"{name[: _MAX_ID - 5]}_{number}"


def _slug(*parts: Any) -> str:
    """`parts` as an identifier of at most 60 characters."""
    words = [word for part in parts for word in _WORDS.findall(str(part).lower())]
    return "_".join(words)[:_MAX_ID].strip("_")


def _derive(step: dict[str, Any]) -> str:
    """A name that says what the step does."""
    key = next((key for key in KINDS if key in step), None)
    return (_slug(*KINDS[key].suggested_id(step.get(key))) or key) if key is not None else "step"
