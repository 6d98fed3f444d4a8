"""What files alone tell of a set-up: is all there that a tick needs, beside the specs?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from segflow.specs.data_files import missing_files
from segflow.specs.dbt_files import project_file
from segflow.specs.dbt_profile import ProfileError, dbt_command, dbt_dir, find_profile, said_path
from segflow.specs.settings import Settings
from segflow.specs.spec_file import read_spec_file

CATALOG = "segment_specs/catalog.yml"
_PACKAGES = ("packages.yml", "dependencies.yml")
_GUIDES = ("README.md", "dbt/README.md")

Grade = Literal["stops", "part", "note"]
"""stops: without it no tick can succeed. part: what needs it is stale. note: all of it works, and may not be meant."""


@dataclass(frozen=True)
class SetupFault:
    """One thing that is missing or unusable. `place`: where people named it, FILE:LINE:COLUMN."""

    place: str
    what: str
    means: str
    do: str
    grade: Grade

    def __str__(self) -> str:
        return f"{self.place}: {self.what}: {self.means}; {self.do}"


def without_connection(root: Path, settings: Settings) -> list[SetupFault]:
    """What files alone tell, whatever the specs say: the dbt project, its profile, its packages, and the data files
    that its sources name."""
    folder = dbt_dir(root, settings)
    shown = shown_path(folder, root)
    told, at = project_file(folder), f"{shown}/dbt_project.yml"
    if told is None or not told.get("name"):
        if not (folder / "dbt_project.yml").exists():
            place = in_file(root / CATALOG, CATALOG, "contacts", "model")
            what = f"there is no dbt project: {folder} holds no dbt_project.yml"
            do = "make one there with your staging models, or let segflow init make a whole project"
        else:
            place, do = f"{at}:1:1", "dbt's own example begins with name: my_project and profile: my_profile"
            what = f"{at} cannot be read" if told is None else f"{at} has no name"
        means = "dbt builds the models that the catalog names"
        return [SetupFault(place, what, means, do, "stops")]
    found = _profile(root, settings, at)
    installed = folder / str(told.get("packages-install-path") or "dbt_packages")
    wanted = [name for name in _PACKAGES if (folder / name).is_file() and _asks_for_packages(folder / name)]
    for name in wanted if not installed.is_dir() else []:
        what, means = "the packages of the dbt project are not installed", "dbt cannot read the project"
        found.append(
            SetupFault(f"{shown}/{name}:1:1", what, means, f"run {dbt_command(root, settings, 'deps')}", "stops")
        )
    return [*found, *_data_files(root, folder, shown)]


def _asks_for_packages(file: Path) -> bool:
    told = read_spec_file(file, file.name).data
    return isinstance(told, dict) and bool(told.get("packages"))


def _profile(root: Path, settings: Settings, at: str) -> list[SetupFault]:
    try:
        profile = find_profile(root, settings, said_path(root, settings))
    except ProfileError as error:
        if "dbt" in settings.model_fields_set:
            return []  # the validator refuses it
        place = in_file(dbt_dir(root, settings) / "dbt_project.yml", at, "profile")
        do = "write it, or say in segflow.yml which one it is: dbt: {profiles_dir: ..., profile: ..., target: ...}"
        return [SetupFault(place, str(error), "dbt is told by it where to build", do, "stops")]
    problem = profile.place.session_problem
    if problem is None:
        return []
    shown = shown_path(profile.file, root)
    place = in_file(profile.file, shown, profile.name, "outputs", profile.target, "settings")
    what, _, do = problem.partition(": ")
    what, _, means = what.partition(", and ")
    return [SetupFault(place, what, means, do, "stops")]


def _data_files(root: Path, folder: Path, shown: str) -> Iterator[SetupFault]:
    for one in missing_files(folder, root):
        guide = next((name for name in _GUIDES if _names(root / name, one.path.name)), None)
        variable = f", or set {' or '.join(one.variables)} to the path where it is" if one.variables else ""
        told = f"; {guide} of this project says how to get it" if guide else ""
        what = f"the data file {one.path} of source {one.source} is not there"
        means = "no model that reads it can be built"
        yield SetupFault(f"{shown}/{one.place}", what, means, f"put it there{variable}{told}", "part")


def _names(guide: Path, file: str) -> bool:
    try:
        return file in guide.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return False


def in_file(path: Path, shown: str, *loc: str | int) -> str:
    """Where a YAML file says something: FILE:LINE:COLUMN, with the file called `shown`."""
    line, column = read_spec_file(path, shown).place(loc)
    return f"{shown}:{line}:{column}"


def shown_path(path: Path, root: Path) -> str:
    """How a path is told: below the project relative to it, else whole."""
    return str(path.relative_to(root) if path.is_relative_to(root) else path)
