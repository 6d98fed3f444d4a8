"""YAML text -> plain data and the place of every key and value.

Why not `yaml.safe_load`: it forgets the places, keeps the last of two equal keys without a word, and reads `on:` as
True and `NO` as False. Here keys are always text, values follow the YAML 1.2 core rules (dates, `on`, `no` stay
text), and tags, duplicate keys and alias bombs are located errors.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from segflow.errors import Issue
from segflow.numbers import number_problem

MAX_DEPTH = 64
MAX_COPIES = 20_000
"""How many values aliases may add to a file. Ten lines of nested aliases can stand for a billion values."""

_NULL = {"", "~", "null", "Null", "NULL"}
_TRUE = {"true", "True", "TRUE"}
_FALSE = {"false", "False", "FALSE"}
_INT = re.compile(r"[-+]?[0-9]+")
_OCTAL = re.compile(r"0o[0-7]+")
_HEX = re.compile(r"0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

Loc = Sequence[str | int]
Place = tuple[int, int]


@dataclass(slots=True)
class Node:
    """One value of a file. `place` and `keys` hold (line, column), both from 1."""

    place: Place
    value: Any = None
    children: dict[str | int, Node] = field(default_factory=dict)
    keys: dict[str | int, Place] = field(default_factory=dict)
    inline: bool = False
    """Written as {...} or [...]."""
    size: int = 1
    """How many values it stands for, aliases expanded."""


@dataclass
class SpecFile:
    """One parsed file. `issues` holds what was wrong with it as YAML; `data` is None when it could not be read."""

    file: str
    root: Node
    issues: list[Issue] = field(default_factory=list)
    text: str = ""

    @property
    def data(self) -> Any:
        return self.root.value

    def place(self, loc: Loc) -> Place:
        """The place of the value at `loc`; parts of `loc` that the file does not have are skipped."""
        node = self.root
        for part in loc:
            node = node.children.get(part, node)
        return node.place

    def key_place(self, loc: Loc) -> Place:
        """The place of the last key of `loc` that the file has; the value's own place for list items."""
        node, place = self.root, self.root.place
        for part in loc:
            if part in node.children:
                place = node.keys.get(part, node.children[part].place)
                node = node.children[part]
        return place

    def has(self, loc: Loc) -> bool:
        """True when the file has a value at exactly `loc`."""
        node = self.root
        for part in loc:
            if part not in node.children:
                return False
            node = node.children[part]
        return True

    def issue(self, loc: Loc, message: str, *, key: bool = False) -> Issue:
        """An issue at the value (or, with `key`, at the key) of `loc`."""
        line, column = self.key_place(loc) if key else self.place(loc)
        return Issue(self.file, line, column, message)


def read_text(path: Path, file: str) -> tuple[str, list[Issue]]:
    """Read a UTF-8 file (a byte order mark is dropped); on failure the text is empty and one issue says why."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        return "", [Issue(file, 0, 0, f"cannot be read: {error.strerror}")]
    try:
        return raw.decode("utf-8-sig"), []
    except UnicodeDecodeError as error:
        line_start = raw.rfind(b"\n", 0, error.start) + 1
        line = raw.count(b"\n", 0, error.start) + 1
        return "", [Issue(file, line, error.start - line_start + 1, "is not UTF-8 text; save it as UTF-8")]


def read_spec_file(path: Path, file: str) -> SpecFile:
    """Read and parse one YAML file; problems end up in `issues`, nothing is raised."""
    text, issues = read_text(path, file)
    if issues:
        return SpecFile(file, Node((0, 0)), issues)
    return parse_spec_file(text, file)


def parse_spec_file(text: str, file: str) -> SpecFile:
    """Parse YAML text; problems end up in `issues`, nothing is raised."""
    builder = _Builder(file)
    try:
        root = builder.build(text)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        builder.report((line, column), _yaml_problem(error, text, line, column))
        root = None
    except (yaml.reader.ReaderError, UnicodeEncodeError) as error:
        before = text[: error.position if isinstance(error, yaml.reader.ReaderError) else error.start]
        place = (before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1)
        builder.report(place, "there is a character here that YAML does not allow (a control character?)")
        root = None
    except _Refused:
        root = None
    return SpecFile(file, root or Node((1, 1)), builder.issues, text)


def _yaml_problem(error: yaml.MarkedYAMLError, text: str, line: int, column: int) -> str:
    lines = text.splitlines()
    here = lines[line - 1] if line <= len(lines) else ""
    if "\t" in here[: len(here) - len(here.lstrip())] or here[column - 1 : column] == "\t":
        return "YAML does not allow tabs for indentation; use spaces"
    problem = error.problem or "the text ends too early"
    if "mapping values are not allowed" in problem:
        return "not valid YAML: a second ':' on this line; put the text in quotes, or check the indentation"
    if "cannot start any token" in problem:
        return f"not valid YAML: a text cannot start with '{here[column - 1 : column]}'; put it in quotes"
    if "expected <block end>" in problem or "did not find expected key" in problem:
        return "not valid YAML: this line does not fit the lines above it; check the indentation"
    if "undefined alias" in problem:
        return f"not valid YAML: {problem}; put the text in quotes if it starts with '*'"
    context = f" ({error.context})" if error.context else ""
    return f"not valid YAML: {problem}{context}"


class _Refused(Exception):
    """Stops at the first problem that makes the rest of the file unreadable; the issue is already reported."""


class _Builder:
    """Builds nodes from parser events, without recursion: a file may nest deeper than Python's stack."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.issues: list[Issue] = []
        self.anchors: dict[str, Node] = {}
        self.open_anchors: dict[str, Node] = {}
        self.copies = 0
        self.stack: list[tuple[Node, list[tuple[str, Place]] | None, str | None]] = []
        self.root: Node | None = None

    def report(self, place: Place, message: str) -> None:
        self.issues.append(Issue(self.file, *place, message))

    def build(self, text: str) -> Node | None:
        documents = 0
        loader = _LOADER(text)
        try:
            while loader.check_event():
                event = loader.get_event()
                place = (event.start_mark.line + 1, event.start_mark.column + 1)
                if isinstance(event, yaml.ScalarEvent):
                    self._scalar(event, place)
                elif isinstance(event, (yaml.MappingStartEvent, yaml.SequenceStartEvent)):
                    self._open(event, place)
                elif isinstance(event, (yaml.MappingEndEvent, yaml.SequenceEndEvent)):
                    self._close()
                elif isinstance(event, yaml.AliasEvent):
                    self._alias(event, place)
                elif isinstance(event, yaml.DocumentStartEvent):
                    documents += 1
                    if documents > 1:
                        self.report(place, "a second document starts here; a file holds one, remove the ---")
                        raise _Refused
        finally:
            loader.dispose()
        return self.root

    def _refuse_tag(self, event: Any, place: Place) -> None:
        if event.tag is not None:
            self.report(place, "YAML tags (!...) are not allowed; put the text in quotes if it starts with '!'")

    def _scalar(self, event: yaml.ScalarEvent, place: Place) -> None:
        self._refuse_tag(event, place)
        if "\0" in event.value:
            self.report(place, "a text cannot hold the character NUL")
        if self._wants_key():
            self._key(event.value, place)
            return
        node = Node(place, event.value)
        if event.implicit[0]:
            node.value = self._plain(event.value, place)
        if event.anchor:
            self.anchors[event.anchor] = node
        self._add(node)

    def _plain(self, text: str, place: Place) -> Any:
        """A value written without quotes, after the YAML 1.2 core rules."""
        if text in _NULL:
            return None
        if text in _TRUE:
            return True
        if text in _FALSE:
            return False
        number: int | float
        if _INT.fullmatch(text):
            # int() refuses thousands of digits with an error of its own
            number = int(text) if len(text) <= 20 else 2**64
        elif _OCTAL.fullmatch(text) or _HEX.fullmatch(text):
            number = int(text, 0) if len(text) <= 24 else 2**64
        elif _FLOAT.fullmatch(text):
            number = float(text)
            if math.isfinite(number) and (problem := number_problem(text)) is not None:
                self.report(place, f"'{text[:30]}' {problem}")
                return 0
        elif _NOT_FINITE.fullmatch(text):
            number = math.inf
        else:
            return text
        if (isinstance(number, int) and not -(2**63) <= number < 2**63) or not math.isfinite(number):
            self.report(place, f"'{text[:30]}' is not a number that can be compared; put it in quotes to make it text")
            return 0
        return number

    def _open(self, event: Any, place: Place) -> None:
        self._refuse_tag(event, place)
        if self._wants_key():
            self.report(place, "a key must be a text")
            raise _Refused
        if len(self.stack) >= MAX_DEPTH:
            self.report(place, f"nested more than {MAX_DEPTH} levels deep")
            raise _Refused
        is_mapping = isinstance(event, yaml.MappingStartEvent)
        node = Node(place, {} if is_mapping else [], inline=bool(event.flow_style))
        if event.anchor:
            # an alias inside its own anchor would be a cycle: it is looked up here first and refused
            self.anchors.pop(event.anchor, None)
            self.open_anchors[event.anchor] = node
        self.stack.append((node, [] if is_mapping else None, event.anchor))

    def _close(self) -> None:
        node, _, anchor = self.stack.pop()
        if anchor:
            self.open_anchors.pop(anchor, None)
            self.anchors[anchor] = node
        self._add(node)

    def _alias(self, event: yaml.AliasEvent, place: Place) -> None:
        name = event.anchor
        if self._wants_key():
            self.report(place, "a key must be a text")
            raise _Refused
        if name in self.open_anchors:
            self.report(place, f"*{name} stands inside its own anchor &{name}")
            raise _Refused
        if name not in self.anchors:
            self.report(place, f"*{name} is not defined; put the text in quotes if it starts with '*'")
            raise _Refused
        node = self.anchors[name]
        self.copies += node.size
        if self.copies > MAX_COPIES:
            self.report(place, f"the aliases of this file stand for more than {MAX_COPIES} values")
            raise _Refused
        self._add(node)

    def _wants_key(self) -> bool:
        return bool(self.stack) and self.stack[-1][1] == []

    def _key(self, name: str, place: Place) -> None:
        parent, pending, _ = self.stack[-1]
        assert pending is not None
        if name in parent.keys:
            first = parent.keys[name][0]
            self.report(place, f"{name} is given twice; the first is on line {first}")
        elif name == "<<":
            self.report(place, "<<: (merging) is not supported; write the keys here")
        pending.append((name, place))

    def _add(self, node: Node) -> None:
        if not self.stack:
            self.root = node
            return
        parent, pending, _ = self.stack[-1]
        parent.size += node.size
        if pending is None:
            parent.children[len(parent.value)] = node
            parent.value.append(node.value)
            return
        name, place = pending.pop()
        if name not in parent.keys and name != "<<":
            parent.keys[name] = place
            parent.children[name] = node
            parent.value[name] = node.value
