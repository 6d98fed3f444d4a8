"""Every method of `segflow.Project`, and what it returns, from signatures and docstrings."""

from __future__ import annotations

import ast
import dataclasses
import importlib
import inspect
import itertools
import re
import textwrap
from collections.abc import Iterator
from types import ModuleType
from typing import Any

from reference.text import NOTE, cell, code, table
from segflow import project as project_module
from segflow.decisions import decider
from segflow.project import Project

_PAGE = """# Python API

{note}
What the command line and Dagster do, as methods of an object. A question opens the warehouse, answers and closes it; nothing
stays open between two calls, and one process at a time may write.

```python
from datetime import datetime

from segflow import Project

project = Project("examples/online_retail")
report = project.tick(datetime(2011, 6, 2), send=False)
print(report.tick_id, len(report.segments), report.errors)
table = project.members("tea_buyers_90d")  # a pyarrow table
```

Errors are subclasses of `segflow.errors.SegflowError`: `SpecError` (a file is wrong, every problem with its line), `InputError` (a
name or a time is), `RunError` (it ran and failed). Each has an `exit_code`, that of the command line. A `datetime` without a zone is UTC.

## Project

`Project(path=".", holder=None)`: the folder with `segflow.yml`. `holder` is the name under which it holds the lease of a tick.

{index}
{methods}
## What they return

{classes}"""
_GROUPS = (("Ticks", Project), ("What people decide", decider.Decider))
_MODULES: tuple[ModuleType, ...] = (project_module, decider)


def methods_page() -> str:
    """docs/PYTHON_API.md."""
    known = _types()
    named: dict[str, type] = {}
    index, parts = [], []
    for name, method in _methods():
        signature = _signature(method)
        returned = signature.rpartition(" -> ")[2]
        for word in re.findall(r"\w+", returned):
            if word in known and inspect.isclass(known[word]):
                named.setdefault(word, known[word])
        document = inspect.getdoc(method) or ""
        index.append(
            (f"[`{name}`](#{_anchor(name)})", cell(document.split(". ")[0].split("\n\n")[0].rstrip(".") + "."))
        )
        parts.append(f"### {name}\n\n```python\nproject.{signature}\n```\n\n{_text(document, method)}\n")
    classes = "\n".join(_class(name, named[name]) for name in sorted(named))
    return _PAGE.format(note=NOTE, index=table(("method", ""), index), methods="\n".join(parts), classes=classes)


def _methods() -> Iterator[tuple[str, Any]]:
    """The public ones, in the order of the files."""
    for owner in (Project, decider.Decider):
        for name, value in vars(owner).items():
            if inspect.isfunction(value) and not name.startswith("_"):
                yield name, value


def _anchor(name: str) -> str:
    return name.lower()


def _signature(method: Any) -> str:
    text = (
        f"{method.__name__}{inspect.signature(method)}".replace("'", "").replace("(self, ", "(").replace("(self)", "()")
    )
    if len(text) <= 110:
        return text
    inside, _, returned = text.partition("(")[2].rpartition(") -> ")
    parameters = re.split(r", (?![^\[]*\])", inside)
    return "\n".join([f"{method.__name__}(", *(f"    {one}," for one in parameters), f") -> {returned}"])


def _text(document: str, method: Any) -> str:
    """The docstring; where it says "See `segflow.x.y`", that one's, too."""
    found = re.search(r"See `(segflow\.[\w.]+)`\.?", document)
    if found is None:
        return document
    document = document.replace(found.group(0), "").rstrip()
    return f"{document}\n\n{_document_of(found.group(1))}".strip()


def _document_of(path: str) -> str:
    """The docstring of a module or of a function in one."""
    try:
        return inspect.getdoc(importlib.import_module(path)) or ""
    except ImportError:
        module, _, name = path.rpartition(".")
        return inspect.getdoc(getattr(importlib.import_module(module), name)) or ""


def _types() -> dict[str, Any]:
    """What the signatures name, by name: imported there for types only."""
    found: dict[str, Any] = {}
    for module in _MODULES:
        for node in ast.walk(ast.parse(inspect.getsource(module))):
            if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("segflow"):
                for alias in node.names:
                    found[alias.asname or alias.name] = getattr(importlib.import_module(node.module), alias.name, None)
    return found


def _class(name: str, kind: type) -> str:
    document = inspect.getdoc(kind) or ""
    if document.startswith(f"{name}("):
        document = ""  # what a dataclass without one says of itself
    texts = _below_fields(kind)
    names = (
        [field.name for field in dataclasses.fields(kind)]
        if dataclasses.is_dataclass(kind)
        else list(getattr(kind, "_fields", ()))
    )
    kinds = {
        key: value for base in reversed(kind.__mro__) for key, value in vars(base).get("__annotations__", {}).items()
    }
    rows = [(code(one), code(str(kinds.get(one, ""))), cell(texts.get(one, ""))) for one in names if one[0] != "_"]
    rows += [
        (code(key), code(str(inspect.signature(value.fget).return_annotation)), cell(inspect.getdoc(value) or ""))
        for key, value in vars(kind).items()
        if isinstance(value, property) and not key.startswith("_")
    ]
    shown = f"\n{table(('field', 'type', ''), rows)}" if rows else ""
    return f"### {name}\n\n{document}\n{shown}"


def _below_fields(kind: type) -> dict[str, str]:
    """Field -> the text below it."""
    found: dict[str, str] = {}
    for base in reversed(kind.__mro__):
        if not base.__module__.startswith("segflow"):
            continue
        body = ast.parse(textwrap.dedent(inspect.getsource(base))).body[0].body  # type: ignore[attr-defined]
        for field, after in itertools.pairwise(body):
            text = getattr(getattr(after, "value", None), "value", None)
            if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name) and isinstance(text, str):
                found[field.target.id] = text
    return found
