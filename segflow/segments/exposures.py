"""Exposures: for each segment and flow who uses which of the user's models, as `dbt docs` shows it."""

from __future__ import annotations

from segflow.segments.compiler import Compiled
from segflow.segments.emit import not_jinja
from segflow.segments.sources import flow_models, segment_models
from segflow.specs.flow import NamedFlow
from segflow.specs.project import Specs
from segflow.specs.segment import NamedSegment


def exposures(compiled: Compiled) -> list[dict[str, object]]:
    """The exposures of all segments and flows, as dbt's properties have them."""
    specs = compiled.specs
    found = [_exposure(specs, "segment", one, segment_models(compiled, one.id)) for one in specs.segments.values()]
    return found + [_exposure(specs, "flow", one, flow_models(compiled, one.id)) for one in specs.flows.values()]


def _exposure(specs: Specs, kind: str, one: NamedSegment | NamedFlow, models: set[str]) -> dict[str, object]:
    # dbt wants an owner; of what names none it is the project.
    owner = not_jinja(one.spec.owner or specs.settings.name)
    return {
        "name": f"segflow_{kind}__{one.id}",
        "label": f"{kind.capitalize()} {one.id}",
        "type": "application",
        "owner": {"email" if "@" in owner else "name": owner},
        "description": not_jinja(one.spec.description or f"{kind.capitalize()} {one.id} of segflow."),
        "depends_on": [f"ref('{model}')" for model in sorted(models)],
        "config": {"meta": {"segflow": {"kind": kind, kind: one.id, "file": one.file}}},
    }
