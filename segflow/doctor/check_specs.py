"""Checks of what people wrote: settings, specs, and the models that are generated from them."""

from __future__ import annotations

from collections.abc import Sequence

from segflow.doctor.findings import Checked, Finding
from segflow.doctor.workspace import ExaminedWorkspace
from segflow.errors import Issue, SpecError
from segflow.segments.compiler import compile_project
from segflow.specs.load import load_settings, load_specs


def settings(examined: ExaminedWorkspace) -> Checked:
    """Can segflow.yml be read?"""
    _, issues = load_settings(examined.root)
    found = [_broken(issues, "no command works until it is mended")] if issues else []
    return Checked("settings", f"mode {examined.settings.delivery.mode}" if not issues else "", found)


def specs(examined: ExaminedWorkspace) -> Checked:
    """Do all spec files load and compile?"""
    try:
        loaded = load_specs(examined.root)
        compile_project(loaded)
    except SpecError as error:
        return Checked("specs", "", [_broken(error.issues, "no tick runs until they are mended")])
    return Checked("specs", f"{len(loaded.segments)} segments, {len(loaded.flows)} flows")


def models(examined: ExaminedWorkspace) -> Checked:
    """Do the generated dbt models say what the specs say?"""
    examined.need_specs()
    differences = examined.check_models()
    if not differences:
        return Checked("models", "the generated models match the specs")
    more = f" and {len(differences) - 1} more" if len(differences) > 1 else ""
    finding = Finding(
        f"{differences[0]}{more}",
        "dbt run by hand builds other segments than the specs say; a tick writes them first",
        "run segflow compile and commit what it writes",
    )
    return Checked("models", "", [finding])


def _broken(issues: Sequence[Issue], means: str) -> Finding:
    more = f" (and {len(issues) - 1} more)" if len(issues) > 1 else ""
    return Finding(f"{issues[0]}{more}", means, "segflow validate lists all of them", blocks=True)
