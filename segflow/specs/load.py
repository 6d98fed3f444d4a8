"""Reads every spec file of a project and reports every problem of all of them in one go."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path, PurePath

from segflow.errors import Issue, SpecError, did_you_mean, relative
from segflow.specs.catalog import Catalog
from segflow.specs.check_all import check
from segflow.specs.check_dbt import find_engine
from segflow.specs.flow import FlowSpec, NamedFlow
from segflow.specs.issues import name_rule, validate
from segflow.specs.loaded import Loaded
from segflow.specs.project import Specs
from segflow.specs.segment import NamedSegment, SegmentSpec
from segflow.specs.settings import Settings
from segflow.specs.spec_file import Node, SpecFile, read_spec_file
from segflow.specs.sql_file import read_segment_file, read_sql_segment

_IDENTIFIER = re.compile(r"[a-z][a-z0-9_]{0,59}")
_VARIABLE = re.compile(r"\$\{env:([^}]*)\}")
_VARIABLE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


_OF_A_PROJECT = ("segflow.yml", "segflow.yaml", "segment_specs", "flow_specs")
"""A folder that has none of these is no project."""
_MAKE_ONE = "segflow init DIR makes one, and --project-dir DIR names the one that you mean"


def load_specs(root: Path) -> Specs:
    """Load and check the project at `root`. Raises SpecError with all issues of all files, sorted by place."""
    specs, issues = collect(root)
    if specs is None:
        raise SpecError(issues)
    return specs


def collect(root: Path) -> tuple[Specs | None, list[Issue]]:
    """Load and check the project at `root`: the specs (None when anything is wrong) and all issues, sorted."""
    specs, issues, _ = collect_with_warnings(root)
    return specs, issues


def collect_with_warnings(root: Path) -> tuple[Specs | None, list[Issue], list[Issue]]:
    """The same, and what stops nothing: the problems of drafts, and what is probably not meant."""
    if not root.is_dir():
        return None, [Issue(str(root), 0, 0, f"is not a directory; {_MAKE_ONE}")], []
    if not any((root / name).exists() for name in _OF_A_PROJECT):
        told = "is no project: there is neither a segflow.yml nor a folder segment_specs in it"
        return None, [Issue(str(root), 0, 0, f"{told}; {_MAKE_ONE}")], []
    return _collected(_files(Loaded(root)))


def issues_on(root: Path, settings: Settings, engine: str) -> list[Issue]:
    """What is wrong with the files of a project if they are read for another engine, with other settings."""
    loaded = Loaded(root)
    _load_settings(loaded)
    loaded.settings, loaded.engine = settings, engine
    return _collected(_specs(loaded))[1]


def _files(loaded: Loaded) -> Loaded:
    _load_settings(loaded)
    find_engine(loaded)
    return _specs(loaded)


def _specs(loaded: Loaded) -> Loaded:
    _load_catalog(loaded)
    _load_segments(loaded)
    _load_flows(loaded)
    check(loaded)
    return loaded


def _collected(loaded: Loaded) -> tuple[Specs | None, list[Issue], list[Issue]]:
    found = {without_secrets(issue, loaded) for issue in loaded.issues}
    of_drafts = {issue for issue in found if issue.file in loaded.drafts}
    issues, warnings = (
        sorted(found - of_drafts),
        sorted(of_drafts | {without_secrets(issue, loaded) for issue in loaded.warnings}),
    )
    if issues or loaded.catalog is None:
        return None, issues, warnings
    # Only what is active must be whole: a draft with problems is left out, and everything else goes on.
    broken = {issue.file for issue in of_drafts}
    unfinished = frozenset(PurePath(file).stem for file in broken)
    flows = {name: flow for name, flow in loaded.flows.items() if flow.file not in broken}
    specs = Specs(loaded.root, loaded.settings, loaded.catalog, loaded.segments, flows, unfinished, loaded.engine)
    return specs, [], warnings


def load_settings(root: Path) -> tuple[Settings | None, list[Issue]]:
    """The settings alone, though other files are broken: None when segflow.yml is; and its issues, sorted."""
    loaded = Loaded(root)
    _load_settings(loaded)
    return (loaded.settings if loaded.settings_known else None), sorted(
        {without_secrets(issue, loaded) for issue in loaded.issues}
    )


_SHORT = 4
"""A value of the environment that is no longer is no secret, and may be a part of any word."""
_CUTS = (None, 40, 60)
"""Where messages cut what they cite."""


def without_secrets(issue: Issue, loaded: Loaded) -> Issue:
    """The issue with `${env:NAME}` in place of what the environment says: it may be a secret."""
    message = issue.message
    for value, name in loaded.from_environment.items():
        for cut in _CUTS if len(value) > _SHORT else ():
            message = message.replace(value[:cut], name)
    return issue if message == issue.message else replace(issue, message=message)


def _load_settings(loaded: Loaded) -> None:
    path = loaded.root / "segflow.yml"
    _refuse_yaml(loaded, loaded.root / "segflow.yaml")
    if not path.exists():
        return
    source = read_spec_file(path, "segflow.yml")
    loaded.issues += source.issues
    if source.issues or source.data is None:
        loaded.settings_known = not source.issues
        return
    source.issues = interpolate(source, os.environ, loaded.from_environment)
    loaded.issues += source.issues
    settings, issues = validate(Settings, source)
    # a variable that is not set leaves a text behind that breaks other rules; only the cause is worth reading
    at_fault = {(issue.line, issue.column) for issue in source.issues}
    loaded.issues += [issue for issue in issues if (issue.line, issue.column) not in at_fault]
    loaded.files["segflow.yml"] = source
    if settings is not None:
        loaded.settings = settings
    else:
        loaded.settings_known = False


def interpolate(source: SpecFile, environment: Mapping[str, str], told: dict[str, str] | None = None) -> list[Issue]:
    """Replace `${env:NAME}` and `${env:NAME:-default}` in the text values of `source`; the result stays a text. `told`
    gets each value of the environment with the name that stands for it."""
    issues: list[Issue] = []

    def expand(node: Node) -> None:
        for key, child in node.children.items():
            if isinstance(child.value, str) and "${env:" in child.value:
                child.value = _VARIABLE.sub(lambda match, at=child: value_of(match, at), child.value)  # type: ignore[misc]
                node.value[key] = child.value
            else:
                expand(child)

    def value_of(match: re.Match[str], at: Node) -> str:
        name, separator, default = match.group(1).partition(":-")
        if not _VARIABLE_NAME.fullmatch(name):
            issues.append(
                Issue(source.file, *at.place, f"'{match.group()}': write ${{env:NAME}} or ${{env:NAME:-default}}")
            )
        elif name in environment and (environment[name] or not separator):
            if told is not None and environment[name]:
                told[environment[name]] = match.group()
            return environment[name]
        elif separator:
            return default
        else:
            issues.append(Issue(source.file, *at.place, f"the environment variable {name} is not set"))
        return match.group()

    expand(source.root)
    return issues


def _load_catalog(loaded: Loaded) -> None:
    file = "segment_specs/catalog.yml"
    path = loaded.root / file
    if not path.exists():
        message = (
            "is missing: it maps your dbt models to contacts, events and objects. Write one that begins with contacts: "
            "{model: MODEL, key: COLUMN}; segflow init makes a whole project, with a catalog of your data, in another "
            "folder"
        )
        loaded.issues.append(Issue(file, 0, 0, message))
        return
    source = read_spec_file(path, file)
    loaded.issues += source.issues
    if source.issues:
        return
    loaded.files[file] = source
    loaded.catalog, issues = validate(Catalog, source)
    loaded.issues += issues


def _load_segments(loaded: Loaded) -> None:
    paths = _spec_files(loaded, loaded.root / "segment_specs", (".yml", ".sql"), ignore=("catalog.yml",))
    stems = {path.stem for path in paths if path.suffix == ".yml"}
    for path in paths:
        file = relative(path, loaded.root)
        loaded.segment_ids.add(path.stem)
        if path.suffix == ".sql" and path.stem in stems:
            message = f"{path.stem}.yml exists too: a segment is one file, remove one of the two"
            loaded.issues.append(Issue(file, 0, 0, message))
            continue
        if path.suffix == ".sql":
            query, issues = read_sql_segment(path, file)
            loaded.issues += issues
            if query is not None:
                loaded.files[file] = read_segment_file(path, file)
                loaded.segments[path.stem] = NamedSegment(id=path.stem, file=file, spec=query)
            continue
        source = read_spec_file(path, file)
        loaded.issues += source.issues
        if source.issues:
            continue
        loaded.files[file] = source
        spec, issues = validate(SegmentSpec, source, partly={"where": {"everyone": True}})
        loaded.issues += issues
        if spec is not None:
            loaded.segments[path.stem] = NamedSegment(id=path.stem, file=file, spec=spec)


def _load_flows(loaded: Loaded) -> None:
    fillers = {"trigger": {"enters": min(loaded.segment_ids)}} if loaded.segment_ids else {}
    for path in _spec_files(loaded, loaded.root / "flow_specs", (".yml",), ignore=()):
        file = relative(path, loaded.root)
        source = read_spec_file(path, file)
        loaded.flow_ids.add(path.stem)
        loaded.issues += source.issues
        if source.issues:
            continue
        loaded.files[file] = source
        if _is_draft(source):
            loaded.drafts.add(file)
        spec, issues = validate(FlowSpec, source, partly=fillers)
        loaded.issues += issues
        if spec is not None:
            loaded.flows[path.stem] = NamedFlow(id=path.stem, file=file, spec=spec)


def _is_draft(source: SpecFile) -> bool:
    """Does a flow say so, or nothing? A misspelt `status` is no draft: its author takes the flow for active."""
    if not isinstance(source.data, dict):
        return False
    if "status" in source.data:
        return bool(source.data["status"] == "draft")
    return not any(did_you_mean(str(key), ["status"]) for key in source.data if key not in FlowSpec.model_fields)


def _refuse_yaml(loaded: Loaded, path: Path) -> None:
    if path.exists():
        file = relative(path, loaded.root)
        loaded.issues.append(Issue(file, 0, 0, f"would be ignored: rename it to {path.stem}.yml"))


def _spec_files(loaded: Loaded, folder: Path, suffixes: tuple[str, ...], ignore: tuple[str, ...]) -> list[Path]:
    """The spec files of `folder`, by name. A file that looks like one and would be ignored is an issue: a segment
    that silently does not exist is found weeks later."""
    if not folder.is_dir():
        return []
    found = []
    for path in sorted(folder.iterdir(), key=lambda path: (path.stem, path.suffix)):
        if path.name.startswith(".") or path.name in ignore:
            continue
        file = relative(path, loaded.root)
        if path.is_dir():
            if path.name not in ("templates", "attachments") and any(
                inner.suffix in suffixes for inner in path.iterdir()
            ):
                loaded.issues.append(Issue(file, 0, 0, f"spec files lie directly in {folder.name}/, not in subfolders"))
            continue
        suffix = path.suffix.lower()
        if suffix == ".yaml" or (suffix in suffixes and path.suffix not in suffixes):
            proper = ".yml" if suffix == ".yaml" else suffix
            loaded.issues.append(Issue(file, 0, 0, f"would be ignored: rename it to {path.stem}{proper}"))
        elif suffix in suffixes:
            if _IDENTIFIER.fullmatch(path.stem):
                found.append(path)
            else:
                loaded.issues.append(Issue(file, 0, 0, f"'{path.stem}' is not a name: {name_rule(path.stem)}"))
    return found
