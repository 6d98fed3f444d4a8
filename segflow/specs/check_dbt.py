"""`dbt:` and `warehouse:` of segflow.yml against the dbt project and its profile."""

from __future__ import annotations

from segflow.specs.dbt_profile import ProfileError, find_profile
from segflow.specs.loaded import Loaded, Reporter
from segflow.specs.settings import DEFAULT_WAREHOUSE

FILE = "segflow.yml"


def check_dbt(loaded: Loaded) -> None:
    """Is there a profile, and is its file the one that `warehouse.path` names? A project that says nothing of dbt is
    told by dbt itself."""
    if not loaded.settings_known:
        return
    say, settings = Reporter(loaded, FILE), loaded.settings
    said = (loaded.root / (settings.warehouse.path or DEFAULT_WAREHOUSE)).expanduser()
    try:
        profile = find_profile(loaded.root, settings, said)
    except ProfileError as error:
        if "dbt" in settings.model_fields_set:
            at = error.key is not None and error.key in settings.dbt.model_fields_set
            say(("dbt", error.key) if at and error.key is not None else ("dbt",), str(error), key=not at)
        return
    if settings.warehouse.path is None or profile.left_to_segflow or profile.path == said.resolve():
        return
    say(
        ("warehouse", "path"),
        f"is {said.resolve()}, and dbt writes to {profile.path} ({profile}): leave warehouse.path out, so that dbt's "
        "file is the warehouse, or name the same file in both",
    )
