"""Exports against the catalog: the columns exist, and the rows that are chosen can have them."""

from __future__ import annotations

from segflow.specs.exports import OWN_COLUMNS, ExportSettings, SegmentExport, plan_of
from segflow.specs.loaded import Loaded, Reporter
from segflow.specs.spec_file import Loc


def check_export_settings(say: Reporter, loaded: Loaded) -> None:
    """Check `exports:` of segflow.yml."""
    exports = loaded.settings.exports
    _check(say, loaded, exports, ("exports",), exports, None)
    if exports.segments != "all":
        for index, segment in enumerate(exports.segments):
            if segment not in loaded.segment_ids:
                say(("exports", "segments", index), loaded.no_segment(segment))


def check_segment_export(say: Reporter, loaded: Loaded, segment: str, own: SegmentExport) -> None:
    """Check `export:` of a segment file, with what it takes over from segflow.yml."""
    _check(say, loaded, own, ("export",), loaded.settings.exports, own, segment)


def _check(
    say: Reporter,
    loaded: Loaded,
    given: ExportSettings | SegmentExport,
    loc: Loc,
    project: ExportSettings,
    own: SegmentExport | None,
    segment: str = "",
) -> None:
    plan = plan_of(segment, project, own)
    kinds = given.only if isinstance(given.only, list) else []
    for index, kind in enumerate(kinds):
        if kind in kinds[:index]:
            say((*loc, "only", index), f"{kind} is given twice")
    if loaded.catalog is None:
        return
    attributes = list(loaded.catalog.contacts.attributes)
    possible = {name for kind in plan.only for name in OWN_COLUMNS[kind]}
    known = [*dict.fromkeys(name for names in OWN_COLUMNS.values() for name in names), *attributes]
    # Columns that segflow.yml gives are told there, unless it is this file that asks for other rows.
    columns, at = (given.columns, (*loc, "columns")) if given.columns else (plan.columns, (*loc, "only"))
    if not given.columns and (own is None or own.only is None):
        return
    for index, column in enumerate(columns):
        place = (*at, index) if given.columns else at
        if column in attributes or column in possible:
            if given.columns and column in columns[:index]:
                say(place, f"{column} is given twice")
        elif column in known:
            having = next(kind for kind, names in OWN_COLUMNS.items() if column in names)
            say(place, f"{column} goes with only: {having}, not with {' and '.join(plan.only)}")
        elif given.columns:
            say.unknown(place, "attribute", column, known)
