"""`segflow.SegflowComponent`: segflow in a team's own Dagster project, as a `defs.yaml` of five lines."""

# No `from __future__ import annotations`: Dagster reads the fields from the annotations themselves.

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from dagster import AssetSpec, Component, ComponentLoadContext, Definitions, Resolvable, Resolver
from dagster.components.utils.translation import TranslationFn, TranslationFnResolver

from segflow.dagster.beside import DbtAssets, definitions_of
from segflow.dagster.dbt_graph import Translation

_FILES = ("defs.yaml", "component.yaml")


@dataclass
class SegflowComponent(Component, Resolvable):
    """The assets, checks, jobs, schedule and sensors of a segflow project."""

    project_dir: Annotated[
        str,
        Resolver.default(
            description="The folder of segflow.yml, relative to the one of this file.",
            examples=["../../../marketing", "{{ env.SEGFLOW_PROJECT_DIR }}"],
        ),
    ]
    dbt_assets: Annotated[
        DbtAssets,
        Resolver.default(
            description="Who defines assets for the dbt models that segflow has not written: 'segflow', or 'yours', "
            "when your project does (with exclude: config.schema:segflow).",
        ),
    ] = "segflow"
    translation: Annotated[
        TranslationFn[Mapping[str, Any]] | None,
        TranslationFnResolver(template_vars_for_translation_fn=lambda data: {"node": data}),
    ] = None
    """What your DbtProjectComponent says under the same name: the keys of your dbt models come from it."""

    def build_defs(self, context: ComponentLoadContext) -> Definitions:
        """The definitions. Raises InputError for a folder without segflow.yml."""
        return definitions_of((context.path / self.project_dir).resolve(), self.dbt_assets, self._keys(context.path))

    def _keys(self, folder: Path) -> Translation | None:
        theirs = self.translation
        if theirs is None:
            return None

        def spec(manifest: Mapping[str, Any], unique_id: str, base: AssetSpec) -> AssetSpec:
            found = {**manifest["nodes"], **manifest["sources"]}[unique_id]
            return theirs(base, found)

        texts = [path.read_text(encoding="utf-8") for path in (folder / name for name in _FILES) if path.exists()]
        return Translation(spec, "\n".join(texts))
