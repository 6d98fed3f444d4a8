"""dbt in this process: one parse, then as many runs as a process lives, on the kept manifest.

Vars that change per run would force a full re-parse of the project; handed to a run on a kept manifest they cost
nothing, and `as_of` reaches the models as a literal.
"""

from __future__ import annotations

import contextlib
import gc
import json
import logging
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import sqlglot
from sqlglot import exp

from segflow.crashpoints import armed, crash_point
from segflow.durations import Duration
from segflow.errors import InputError, RunError
from segflow.files import reason
from segflow.interrupts import interrupt_later
from segflow.warehouse.base import too_long
from segflow.warehouse.dbt_index import DbtIndex, ProjectFiles, index_of, keep_index, read_index
from segflow.warehouse.engine import Engine
from segflow.warehouse.models import ModelResult
from segflow.warehouse.names import own_relation

_PLAIN_CALL = re.compile(r"\{\{-?\s*(?:ref|source|config)\([^{}]*\)\s*-?\}\}")
_JINJA = re.compile(r"\{[{%]")


@dataclass(frozen=True)
class DbtRun:
    """What dbt is run with."""

    root: Path
    """The segflow project's."""
    profiles_dir: Path
    target_path: Path
    log_path: Path
    profile: str | None = None
    """None, as for `target`: dbt finds it."""
    target: str | None = None
    upstream: bool = True
    """Are the user's models built that the generated ones read? Otherwise something else builds them."""

    @classmethod
    def in_project(cls, directory: Path) -> DbtRun:
        """A dbt project that has all of it in its own folder, below a segflow project."""
        return cls(directory.parent, directory, directory / "target", directory / "logs")


@dataclass(frozen=True)
class Need:
    """A seed, or a table of a source, that a model is built on and that no run of models makes."""

    kind: str
    """seed or source"""
    name: str
    file: str
    """Below the dbt project."""
    relation: exp.Table
    reader: str
    """A model of the user's that is built on it."""

    def query(self) -> exp.Select:
        """No rows of it; it fails where it is not there."""
        return exp.select("*").from_(self.relation.copy()).limit(0)


class DbtProject:
    """The dbt project of a segflow project. Keep it as long as the process works on the project."""

    def __init__(self, directory: Path, engine: Engine, how: DbtRun | None = None) -> None:
        self.directory = directory.resolve()
        self._how = how or DbtRun.in_project(self.directory)
        self._engine = engine
        self._manifest: Any = None
        self._index: DbtIndex | None = None
        self._settled: set[str] = set()

    def parse(self) -> None:
        """Read the project (from dbt's cache as far as files did not change). Raises RunError with dbt's message."""
        with interrupt_later(), _collector_paused():
            result = self._invoke(["parse"], None)
        if not result.success or result.result is None:
            raise RunError(f"dbt cannot read {self.directory}: {_message(result)}")
        self._manifest = result.result
        if not self._how.upstream:
            # What they do before and after a run is about their models, and none of those is run.
            for key in [key for key, node in self._manifest.nodes.items() if node.resource_type == "operation"]:
                del self._manifest.nodes[key]
        self._index = index_of(self._manifest, self.files)
        keep_index(self._index, self._how.target_path)
        crash_point("dbt.parsed")

    @property
    def manifest(self) -> Any:
        """dbt's manifest; parsed when it was not yet."""
        if self._manifest is None:
            self.parse()
        return self._manifest

    def forget(self) -> None:
        """Files changed: parse again before the next run."""
        self._manifest = self._index = None
        self._settled.clear()

    def models(self) -> set[str]:
        """The names of all models."""
        return {node.name for node in self.manifest.nodes.values() if node.resource_type == "model"}

    def needs(self, models: Iterable[str]) -> list[Need]:
        """The seeds and source tables that `models` are built on, each once. A source that is read from files is none.
        Raises RunError when dbt cannot read the project."""
        nodes = self.manifest.nodes
        found: dict[str, Need] = {}
        seen: set[str] = set()
        for model in models:
            ahead = [key for key, node in nodes.items() if node.name == model]
            while ahead:
                key = ahead.pop()
                node = nodes.get(key) or self.manifest.sources.get(key)
                if node is None or key in seen:
                    continue
                seen.add(key)
                kind = str(getattr(node.resource_type, "value", node.resource_type))
                if kind in ("seed", "source") and not _read_from_files(node):
                    table = sqlglot.to_table(node.relation_name, dialect=self._engine.words.dialect)
                    name = node.name if kind == "seed" else f"{node.schema}.{node.identifier}"
                    found[key] = Need(kind, name, str(node.original_file_path), table, model)
                ahead += getattr(node, "depends_on_nodes", [])
        return list(found.values())

    def relation(self, model: str) -> exp.Table:
        """The warehouse relation of a model. Raises RunError when the project has no such model."""
        index = self._known()
        if model not in index.relations:
            raise RunError(f"the dbt project has no model {model}")
        found = index.relations[model]
        if found is None:
            raise RunError(f"model {model} is ephemeral and has no relation; materialize it as a view")
        return sqlglot.to_table(found, dialect=self._engine.words.dialect)

    def code(self, model: str) -> str:
        """A hash of the code of a model and of what it is built on. Raises RunError when there is no such model."""
        try:
            return self._known().code[model]
        except KeyError:
            raise RunError(f"the dbt project has no model {model}") from None

    def shared_code(self) -> str:
        """A hash of the macros, variables and settings that the code of models may call or read."""
        return self._known().shared

    @property
    def files(self) -> ProjectFiles:
        return ProjectFiles(
            self.directory, self._how.profiles_dir / "profiles.yml", [self._how.profile, self._how.target]
        )

    def _known(self) -> DbtIndex:
        """The index: of this process' parse, of an earlier one while it still holds, or of a new one."""
        if self._index is None:
            self._index = read_index(self._how.target_path, self.files)
        if self._index is None:
            self.parse()
        assert self._index is not None
        return self._index

    def run(
        self,
        select: Sequence[str],
        variables: Mapping[str, Any],
        patches: Mapping[str, str] | None = None,
        exclude: Sequence[str] | None = None,
        limits: Mapping[str, Duration] | None = None,
    ) -> dict[str, ModelResult]:
        """Run models and return what became of each. `patches` replaces the code of models for this run only; a model
        of `limits` that takes longer fails.

        A view that this process built already is left as it is when its text cannot change from run to run: each model
        costs 60 to 70 ms. Afterwards the warehouse file is released. Raises RunError when dbt itself fails, not when a
        model does.
        """
        limits, chosen = limits or {}, self._chosen(select)
        if not chosen:
            return {}
        with self._patched(patches or {}), self._engine.dbt_time_limits(limits):
            args = ["run", "--select", *chosen, "--vars", json.dumps(_with_limits(variables, limits))]
            # With other code it is another view, now and the next time without it.
            self._settled -= set(patches or ())
            excluded = [*(exclude or ()), *sorted(self._settled - set(select))]
            if excluded:
                args += ["--exclude", *self._chosen(excluded)]
            self._unmark()
            result = self._invoke(args, self.manifest)
        if result.result is None:
            raise RunError(f"dbt run failed: {_message(result)}")
        done = [run.node for run in result.result.results if run.status == "success"]
        settled = {node.name for node in done if self._engine.late_views and _settles(node)}
        self._settled |= settled - set(patches or ())
        return {model: self._stopped(found, limits.get(model)) for model, found in self._by_name(result).items()}

    def _chosen(self, patterns: Sequence[str]) -> list[str]:
        """Names of models, some with a `+` in front, as dbt selects them alone: a bare name also stands for all that is
        in a folder of that name."""
        models = (node for node in self.manifest.nodes.values() if node.resource_type == "model")
        files = {node.name: Path(node.original_file_path) for node in models}
        found = []
        for pattern in patterns:
            name = pattern.removeprefix("+")
            plus = pattern[: len(pattern) - len(name)]
            if not self._how.upstream and own_relation(name) is None:
                continue
            chosen = f"{plus}file:{files[name].name}" if name in files else pattern
            if not self._how.upstream and plus and name in files:
                # Of what it is built on only that which is generated, too: a comma is "and".
                generated = next(folder for folder in files[name].parents if folder.name == "segflow")
                chosen = f"{chosen},path:{generated.as_posix()}"
            found.append(chosen)
        return found

    def _unmark(self) -> None:
        """Let dbt put ephemeral models into their readers again. A run notes in the manifest that it has done so, and
        the next one on the same manifest would leave them out."""
        for node in self.manifest.nodes.values():
            if getattr(node, "extra_ctes_injected", False):
                node.extra_ctes_injected, node.extra_ctes = False, []

    def test(self, names: Sequence[str]) -> dict[str, ModelResult]:
        """Run dbt tests by name and return what became of each. `status` is pass, warn, fail, error or skipped.

        Raises RunError when dbt itself fails, not when a test does. Afterwards the warehouse file is released.
        """
        result = self._invoke(["test", "--select", *names], self.manifest)
        if result.result is None:
            raise RunError(f"dbt test failed: {_message(result)}")
        return self._by_name(result)

    @contextlib.contextmanager
    def _patched(self, patches: Mapping[str, str]) -> Iterator[None]:
        kept: dict[str, str] = {}
        nodes = {node.name: node for node in self.manifest.nodes.values() if node.name in patches}
        for name, node in nodes.items():
            kept[name] = node.raw_code
            node.raw_code = patches[name]
        try:
            yield
        finally:
            for name, code in kept.items():
                nodes[name].raw_code = code

    def _invoke(self, args: list[str], manifest: Any) -> Any:
        runner = import_dbt()
        os.environ |= self._engine.dbt_environment()
        os.environ["SEGFLOW_PROJECT_DIR"] = str(self._how.root)
        os.environ.setdefault("DO_NOT_TRACK", "1")
        flags = ["--project-dir", str(self.directory), "--profiles-dir", str(self._how.profiles_dir)]
        flags += [] if self._how.profile is None else ["--profile", self._how.profile]
        flags += [] if self._how.target is None else ["--target", self._how.target]
        if self._how.target_path != self.directory / "target":
            flags += ["--target-path", str(self._how.target_path)]
        flags += ["--log-level", "none", "--no-use-colors", "--no-version-check", "--no-write-json"]
        flags += ["--no-send-anonymous-usage-stats", "--log-path", str(self._how.log_path)]
        logging.getLogger("dbt").setLevel(logging.CRITICAL)
        try:
            result = runner(manifest=manifest, callbacks=_callbacks(self._engine)).invoke(args + flags)
        finally:
            self._engine.dbt_release()
        if isinstance(result.exception, (KeyboardInterrupt, InputError)):
            # dbt hands it over as if it were a failure of its own; the tick has to stop, not to mend.
            raise result.exception
        return result

    def _stopped(self, result: ModelResult, limit: Duration | None) -> ModelResult:
        if limit is None or result.status != "error" or not self._engine.was_stopped(result.message):
            return result
        return replace(result, message=too_long(limit))

    def _by_name(self, result: Any) -> dict[str, ModelResult]:
        return {
            run.node.name: ModelResult(
                run.node.name,
                str(run.status),
                self._model_message(str(run.message or "")),
                run.execution_time,
                os.path.relpath(self.directory / run.node.original_file_path, self._how.root.resolve()),
            )
            for run in result.result.results
        }

    def _model_message(self, text: str) -> str:
        """Why a model failed, less dbt's frame: the model is named beside it, and the compiled file is of this run."""
        text = re.sub(r"\A\s*(?:Runtime|Database) Error in model \S+ \([^)]*\)\s*", "", text)
        return self._engine.plain(re.sub(r"\s*\n\s*compiled code at \S+", "", text))


def _with_limits(variables: Mapping[str, Any], limits: Mapping[str, Duration]) -> dict[str, Any]:
    """What the macros are told: a server that stops what takes too long by itself has to know the milliseconds."""
    told = {model: limit.seconds * 1000 for model, limit in limits.items()}
    return {**variables, "segflow": {**variables.get("segflow", {}), "limits": told}} if told else dict(variables)


@contextlib.contextmanager
def _collector_paused() -> Iterator[None]:
    """dbt makes some million objects that live as long as the process. Not looking for garbage among them, now and
    later, saves about a second of a tick."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if enabled:
            gc.enable()


def import_dbt() -> Any:
    """dbt's runner. Not imported before: it takes two seconds, which `segflow validate` need not wait for."""
    with _compiled_when_used():
        from dbt.cli.main import dbtRunner

    return dbtRunner


@contextlib.contextmanager
def _compiled_when_used() -> Iterator[None]:
    """Let dbt's classes that are defined in the block get their code for (de)serializing when it is first called: of
    the code for all 500 of them, which takes a quarter of the import, a tick needs little."""
    from mashumaro.config import BaseConfig

    kept = BaseConfig.lazy_compilation
    BaseConfig.lazy_compilation = True
    try:
        yield
    finally:
        BaseConfig.lazy_compilation = kept


def _callbacks(engine: Engine) -> list[Callable[[Any], None]]:
    """What dbt calls with each of its events: its sessions are set up as soon as it has read its profile; and in tests
    that kill, there is a crash point before and after each model."""

    def prepare(_: Any) -> None:
        engine.dbt_session()

    def told(event: Any) -> None:
        if event.info.name == "NodeStart":
            crash_point("dbt.model")
        elif event.info.name == "NodeFinished":
            crash_point("dbt.model_done")

    return [prepare, told] if armed() else [prepare]


def _read_from_files(node: Any) -> bool:
    config = getattr(node, "config", None)
    kept = (getattr(node, "meta", None), getattr(node, "source_meta", None), getattr(config, "meta", None))
    return any("external_location" in (one or {}) for one in kept) or "external_location" in (
        getattr(config, "extra", None) or {}
    )


def _settles(node: Any) -> bool:
    """Does building this view once do for all runs? Not when it has logic."""
    if node.config.materialized not in ("view", "segflow_view") or node.config.pre_hook or node.config.post_hook:
        return False
    return not _JINJA.search(_PLAIN_CALL.sub("", node.raw_code))


def _message(result: Any) -> str:
    if isinstance(result.exception, OSError) and result.exception.filename:
        return f"it cannot use {result.exception.filename}: {reason(result.exception)}"
    if result.exception is not None:
        return str(result.exception)
    failed = [
        str(run.message) for run in getattr(result.result, "results", []) if run.status not in ("success", "skipped")
    ]
    return "; ".join(failed) or "dbt gave no reason; its log has more"
