"""Which profile and target a dbt project is run with, found as dbt finds them, without starting dbt."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from jinja2 import TemplateError
from jinja2.sandbox import SandboxedEnvironment

from segflow.errors import InputError, did_you_mean
from segflow.specs.dbt_files import project_file
from segflow.specs.settings import DEFAULT_WAREHOUSE, DbtSettings, Settings
from segflow.warehouse.engine import Engine
from segflow.warehouse.engines import DEFAULT, titles, wing, wing_of_adapter
from segflow.warehouse.wing import Place, TargetError

WAREHOUSE = "SEGFLOW_WAREHOUSE"
"""The environment variable by which a profile leaves the path of the warehouse to segflow."""
FILE = "profiles.yml"
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_FILTERS = ("as_text", "as_native", "as_number", "as_bool")


class ProfileError(InputError):
    """No profile can be found. `key`: the word below `dbt:` that is at fault, if it is one; or `engine`."""

    def __init__(self, message: str, key: str | None = None) -> None:
        super().__init__(message)
        self.key = key


class MissingVariableError(ProfileError):
    """A profile asks for an environment variable that is not set. Where it runs, it may be."""


@dataclass(frozen=True)
class Profile:
    """A target of a profile, as far as segflow has to know it."""

    file: Path
    name: str
    target: str
    engine: str
    """By its name in segflow.yml."""
    place: Place
    """Where the warehouse is. Relative paths are relative to the dbt project, where its people start dbt."""
    left_to_segflow: bool
    """The path comes from SEGFLOW_WAREHOUSE."""

    @property
    def path(self) -> Path | None:
        """The file of the warehouse; None on a server."""
        return self.place.path

    def __str__(self) -> str:
        return f"target {self.target} of profile {self.name} ({self.file})"


@dataclass(frozen=True)
class _Output:
    """A target as profiles.yml has it."""

    file: Path
    name: str
    target: str
    engine: str
    said: Mapping[str, Any]
    render: _Renderer
    key: str | None
    """The word below `dbt:` that chose it."""

    def __str__(self) -> str:
        return f"target {self.target} of profile {self.name} ({self.file})"


def profiles_dir(root: Path, settings: DbtSettings) -> Path:
    """The folder of profiles.yml, whether or not it is there."""
    return _first(root, settings) or next(_places(root, settings))[0]


def find_profile(root: Path, settings: Settings, warehouse: Path) -> Profile:
    """The profile of a project. `warehouse`: what SEGFLOW_WAREHOUSE will say. Raises ProfileError."""
    found = _output(root, settings, warehouse)
    try:
        place = wing(found.engine).place(found.said, found.render, _path(root, settings.dbt.project))
    except TargetError as error:
        raise ProfileError(f"{found} {error}", found.key) from None
    return Profile(found.file, found.name, found.target, found.engine, place, WAREHOUSE in found.render.asked)


def engine_name(root: Path, settings: Settings) -> str:
    """The engine of a project: that of segflow.yml, else that of dbt's profile, else the embedded one."""
    if settings.engine is not None:
        return settings.engine
    try:
        return _output(root, settings, said_path(root, settings)).engine
    except ProfileError:
        return DEFAULT


def project_engine(root: Path, settings: Settings) -> Engine:
    """The warehouse of a project before it is opened. Raises InputError when it cannot be told where it is, or when
    what it needs is not installed."""
    name = engine_name(root, settings)
    chosen = wing(name)
    if (missing := chosen.missing()) is not None:
        raise InputError(missing)
    if chosen.file_backed:
        place = Place(warehouse_path(root, settings))
    else:
        place = find_profile(root, settings, said_path(root, settings)).place
    return chosen.engine(place, root / Path(settings.warehouse.ledgers).expanduser(), settings.warehouse.memory_limit)


def targets(root: Path, settings: Settings, engine: str) -> list[str]:
    """The targets of a project's profile that are for an engine. Raises ProfileError when it has no profile."""
    found = _said_profile(root, settings, said_path(root, settings))
    adapters = {name: found.render(output.get("type")) for name, output in found.outputs.items()
                if isinstance(output, Mapping)}  # fmt: skip
    return [str(name) for name, adapter in adapters.items() if adapter == wing(engine).adapter]


def profile_name(root: Path, settings: Settings) -> str:
    """A project's profile in words: its name and file. Raises ProfileError when it has none."""
    found = _said_profile(root, settings, said_path(root, settings))
    return f"profile {found.name} ({found.file})"


@dataclass(frozen=True)
class _SaidProfile:
    """A profile as profiles.yml has it."""

    file: Path
    name: str
    said: Mapping[str, Any]
    outputs: Mapping[str, Any]
    render: _Renderer


def _said_profile(root: Path, settings: Settings, warehouse: Path) -> _SaidProfile:
    dbt = settings.dbt
    project = _path(root, dbt.project)
    said = _project(project)
    folder = _first(root, dbt)
    if folder is None:
        looked = ", ".join(f"{place} ({why})" for place, why in _places(root, dbt))
        raise ProfileError(
            f"there is no {FILE}: looked in {looked}", "profiles_dir" if dbt.profiles_dir is not None else None
        )
    file = folder / FILE
    profiles = _read(file)
    render = _Renderer({**os.environ, WAREHOUSE: str(warehouse)}, file)
    name = dbt.profile or os.environ.get("DBT_PROFILE") or render(said.get("profile"))
    if not name:
        raise ProfileError(f"{project / 'dbt_project.yml'} names no profile: write it there, or as dbt: profile:")
    if name not in profiles:
        known = [str(one) for one in profiles if one != "config"]
        raise ProfileError(
            f"there is no profile {name} in {file}{_near(str(name), known)}",
            "profile" if dbt.profile is not None else None,
        )
    profile = profiles[name]
    outputs = profile.get("outputs") if isinstance(profile, Mapping) else None
    if not isinstance(outputs, Mapping):
        raise ProfileError(f"profile {name} in {file} has no outputs")
    return _SaidProfile(file, str(name), profile, outputs, render)


def _output(root: Path, settings: Settings, warehouse: Path) -> _Output:
    dbt = settings.dbt
    profile = _said_profile(root, settings, warehouse)
    file, name, outputs, render = profile.file, profile.name, profile.outputs, profile.render
    target = dbt.target or os.environ.get("DBT_TARGET") or render(profile.said.get("target")) or "default"
    key = "target" if dbt.target is not None else None
    if target not in outputs:
        raise ProfileError(
            f"profile {name} in {file} has no target {target}{_near(str(target), [str(one) for one in outputs])}", key
        )
    output = outputs[target] if isinstance(outputs[target], Mapping) else {}
    what = f"target {target} of profile {name} ({file})"
    found = wing_of_adapter(str(render(output.get("type"))))
    if found is None:
        *others, last = titles()
        built = f"{', '.join(others)} and {last}"
        raise ProfileError(f"{what} is for {output.get('type')}; segflow works on {built}: name a target of those", key)
    if settings.engine not in (None, found.name):
        raise ProfileError(
            f"engine is {settings.engine}, and {what} is for {found.title} (type {found.adapter}): name a target for "
            f"{wing(settings.engine).title} as dbt: {{target: ...}}, or leave engine out",
            "engine",
        )
    render.asked.clear()
    return _Output(file, name, str(target), found.name, output, render, key)


def dbt_dir(root: Path, settings: Settings) -> Path:
    """The folder of the dbt project."""
    return _path(root, settings.dbt.project)


def said_path(root: Path, settings: Settings) -> Path:
    """The file of a file-backed warehouse as segflow.yml has it, or segflow's own."""
    return _path(root, settings.warehouse.path or DEFAULT_WAREHOUSE)


def warehouse_path(root: Path, settings: Settings) -> Path:
    """The file of a file-backed warehouse: the one of segflow.yml, else that of dbt's profile, else segflow's own."""
    said = said_path(root, settings)
    if settings.warehouse.path is not None:
        return said
    try:
        found = find_profile(root, settings, said)
    except ProfileError:
        return said
    return said if found.left_to_segflow or found.path is None else found.path


def dbt_command(root: Path, settings: Settings, verb: str) -> str:
    """What to type in the segflow project's folder to run `dbt VERB` as segflow would. dbt is started in its project,
    because relative paths of a profile are meant from there."""
    dbt, project = settings.dbt, _path(root, settings.dbt.project)
    said = said_path(root, settings)
    words = [f"dbt {verb}", "--profiles-dir", os.path.relpath(profiles_dir(root, dbt), project)]
    if dbt.profiles_dir is None and profiles_dir(root, dbt) == Path.home() / ".dbt":
        words = words[:1]  # dbt finds it there by itself
    words += [word for key in ("profile", "target") if (found := getattr(dbt, key)) for word in (f"--{key}", found)]
    try:
        left = find_profile(root, settings, said).left_to_segflow
    except ProfileError:
        left = False
    variable = [f"{WAREHOUSE}={shlex.quote(os.path.relpath(said, project))}"] if left else []
    there = [] if project == root else [f"cd {shlex.quote(os.path.relpath(project, root))} &&"]
    return " ".join([*there, *variable, *words])


def _path(root: Path, written: str) -> Path:
    return Path(os.path.normpath(root / Path(written).expanduser()))


def _project(project: Path) -> Mapping[str, Any]:
    if not project.is_dir():
        raise ProfileError(f"there is no folder {project}", "project")
    found = project_file(project)
    if found is None:
        there = (project / "dbt_project.yml").exists()
        problem = "cannot be read" if there else "is not there"
        raise ProfileError(f"{project / 'dbt_project.yml'} {problem}", "project")
    return found


def _places(root: Path, dbt: DbtSettings) -> Iterator[tuple[Path, str]]:
    """Where profiles.yml may be, and why there, the best place first."""
    project = _path(root, dbt.project)
    if dbt.profiles_dir is not None:
        yield _path(root, dbt.profiles_dir), "dbt.profiles_dir"
        return
    given = os.environ.get("DBT_PROFILES_DIR")
    # Where segflow.yml says nothing of dbt, the profile beside the project is the one, as it always was. It is also
    # dbt's current folder, where its people start it.
    if not given or not dbt.model_fields_set:
        yield project, "the dbt project"
    yield (Path(given).expanduser(), "DBT_PROFILES_DIR") if given else (Path.home() / ".dbt", "dbt's own folder")


def _first(root: Path, dbt: DbtSettings) -> Path | None:
    return next((place for place, _ in _places(root, dbt) if (place / FILE).is_file()), None)


def _read(file: Path) -> Mapping[str, Any]:
    try:
        found = yaml.load(file.read_text(encoding="utf-8"), _LOADER)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ProfileError(f"{file} cannot be read: {' '.join(str(error).split())}") from None
    return found if isinstance(found, Mapping) else {}


def _near(wrong: str, known: list[str]) -> str:
    return did_you_mean(wrong, known) or (f"; it has {', '.join(known)}" if known else "")


class _Renderer:
    """Values of a profile with their Jinja done, as far as dbt allows any there: the environment."""

    def __init__(self, environment: Mapping[str, str], file: Path) -> None:
        self._environment, self._file = environment, file
        self.asked: set[str] = set()
        """The variables that were asked for."""
        self._jinja = SandboxedEnvironment()
        self._jinja.globals["env_var"] = self._value
        self._jinja.filters |= dict.fromkeys(_FILTERS, lambda value: value)

    def __call__(self, value: Any) -> Any:
        if not isinstance(value, str) or ("{{" not in value and "{%" not in value):
            return value
        try:
            return self._jinja.from_string(value).render()
        except TemplateError as error:
            raise ProfileError(f"{self._file} cannot be read: {error} in {value}") from None

    def _value(self, name: str, default: str | None = None) -> str:
        self.asked.add(name)
        if name in self._environment:
            return self._environment[name]
        if default is None:
            raise MissingVariableError(f"{self._file} asks for the environment variable {name}, which is not set")
        return default
