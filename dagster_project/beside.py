"""segflow in a team's own Dagster project, beside assets of their own."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from dagster import AssetSpec, Definitions

from segflow.dagster.build import Beside, build_definitions
from segflow.dagster.dbt_graph import Translation
from segflow.errors import InputError
from segflow.project import Project

if TYPE_CHECKING:
    from dagster_dbt import DagsterDbtTranslator

DbtAssets = Literal["segflow", "yours"]


def definitions(
    project_dir: str | Path,
    *,
    dbt_assets: DbtAssets = "segflow",
    dbt_translator: DagsterDbtTranslator | None = None,
) -> Definitions:
    """The definitions of the segflow project in a folder, for `Definitions.merge`.

    `dbt_assets`: who defines assets for the models of the dbt project that segflow has not written; with `yours` your
    `@dbt_assets` do (with `exclude="config.schema:segflow"`), and segflow's assets depend on them. `dbt_translator`:
    that of your `@dbt_assets`, for their keys. Raises InputError for a folder without segflow.yml, and
    DagsterInvalidDefinitionError with every problem of the project's files.
    """
    translation = None if dbt_translator is None else _translation(dbt_translator)
    return definitions_of(Path(project_dir), dbt_assets, translation)


def definitions_of(root: Path, dbt_assets: str, translation: Translation | None) -> Definitions:
    """The same, with the keys that `translation` says."""
    if not (root / "segflow.yml").exists():
        raise InputError(f"{root.resolve()} holds no segflow.yml: project_dir is the folder of a segflow project")
    if dbt_assets not in ("segflow", "yours"):
        raise InputError(f"dbt_assets: {dbt_assets!r} is neither 'segflow' nor 'yours'")
    return build_definitions(Project(root), Beside(dbt_assets == "yours", translation))


def _translation(translator: DagsterDbtTranslator) -> Translation:
    def spec(manifest: Mapping[str, Any], unique_id: str, base: AssetSpec) -> AssetSpec:
        return translator.get_asset_spec(manifest, unique_id, None)

    file = inspect.getsourcefile(type(translator))
    text = Path(file).read_text(encoding="utf-8") if file is not None and Path(file).exists() else ""
    # What was given to its constructor counts as well as its code.
    return Translation(spec, f"{type(translator).__qualname__} {vars(translator)!r} {text}")
