"""The generated models, run inside a rehearsal in place of dbt: from the specs as they are, not from files.

The user's own models are read as dbt has left them. It stands in for dbt wherever a tick's stages run models.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from datetime import datetime
from pathlib import PurePath
from typing import Any

from sqlglot import exp

from segflow.durations import Duration
from segflow.errors import TimeLimitError, WarehouseError
from segflow.segments.compiler import Compiled
from segflow.segments.emit import TABLE, Filling, refs
from segflow.warehouse.base import Warehouse, relation
from segflow.warehouse.models import ModelResult, Models
from segflow.warehouse.names import own_relation

_CONFIG = re.compile(r"\{\{\s*config\((.*?)\)\s*\}\}", re.DOTALL)


class RehearsedModels:
    """The models of a project in one rehearsal at `as_of`. `real` has the user's models."""

    def __init__(self, compiled: Compiled, real: Models, warehouse: Warehouse, as_of: datetime) -> None:
        self.compiled, self.real, self.warehouse, self.as_of = compiled, real, warehouse, as_of
        self.texts = {PurePath(path).stem: text for path, text in compiled.files.items()}
        """Of the generated models."""

    def relation(self, model: str) -> exp.Table:
        """The relation of a model: of a generated one whether or not it is on disk."""
        own = own_relation(model)
        return relation(own) if own is not None else self.real.relation(model)

    def code(self, model: str) -> str:
        return self.real.code(model)

    def forget(self) -> None:
        pass

    def run(
        self,
        select: Sequence[str],
        variables: Mapping[str, Any],
        patches: Mapping[str, str] | None = None,
        exclude: Sequence[str] | None = None,
        limits: Mapping[str, Duration] | None = None,
    ) -> dict[str, ModelResult]:
        """Build the chosen models; the user's are only looked at. Like `DbtProject.run`."""
        texts = {**self.texts, **(patches or {})}
        tick_id = variables["segflow"]["tick_id"]
        results: dict[str, ModelResult] = {}
        for name in self._ordered(select, texts):
            if name in results or name in (exclude or ()):
                continue
            started = time.perf_counter()
            if name not in texts:
                fault = self.warehouse.bind(exp.select("*").from_(self.relation(name)))
            elif any(results[parent].status != "success" for parent in refs(texts[name]) if parent in results):
                results[name] = ModelResult(name, "skipped", "", 0.0)
                continue
            else:
                fault = self._build(name, texts[name], tick_id, (limits or {}).get(name))
            status = "error" if fault else "success"
            results[name] = ModelResult(name, status, fault or "", time.perf_counter() - started, self._file(name))
        return results

    def _build(self, name: str, text: str, tick_id: str, limit: Duration | None) -> str | None:
        """Why it cannot be built, None when it was."""
        config = _CONFIG.search(text)
        try:
            filling = Filling(self.relation, self.as_of, self.compiled.zone, tick_id, self.compiled.words)
            query = filling.query(_CONFIG.sub("", text))
        except ValueError as error:
            return str(error)
        if fault := self.warehouse.bind(query):
            return fault
        place = own_relation(name) or name
        try:
            if config is None or f"'{TABLE}'" not in config.group(1):
                self.warehouse.create_view(place, query)
                return None
            self.warehouse.drop_view(place)
            within: AbstractContextManager[None] = self.warehouse.time_limit(limit) if limit else nullcontext()
            with within:
                self.warehouse.create_table(place, query)
        except (WarehouseError, TimeLimitError) as error:
            return str(error)
        return None

    def _ordered(self, select: Sequence[str], texts: Mapping[str, str]) -> Iterator[str]:
        """The chosen models, with their parents where a `+` asks for them, parents first. What the user's models are
        built on is left out: it is there if they can be read."""
        named = {pattern.removeprefix("+") for pattern in select}
        with_parents = {pattern[1:] for pattern in select if pattern.startswith("+")}

        def above(name: str) -> Iterator[str]:
            for parent in sorted(refs(texts[name]) if name in texts else ()):
                yield from above(parent)
            yield name

        chosen = set(named)
        for name in with_parents:
            chosen |= set(above(name))
        for name in sorted(chosen):
            yield from (one for one in above(name) if one in chosen)

    def _file(self, model: str) -> str:
        project = self.compiled.specs.dbt_dir.resolve()
        found = next((project / "models").rglob(f"{model}.sql"), None)
        return str(found.relative_to(project.parent)) if found is not None else model
