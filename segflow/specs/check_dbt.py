"""`engine:`, `dbt:` and `warehouse:` of segflow.yml against the dbt project and its profile."""

from __future__ import annotations

from segflow.specs.dbt_profile import MissingVariableError, ProfileError, engine_name, find_profile
from segflow.specs.loaded import Loaded, Reporter
from segflow.specs.settings import DEFAULT_WAREHOUSE
from segflow.warehouse.engines import wing

FILE = "segflow.yml"


def find_engine(loaded: Loaded) -> None:
    """Note which engine the project runs on: what people write is read as that one reads it. What it needs is
    installed, and `warehouse:` has nothing to say of a server."""
    if not loaded.settings_known:
        return
    say, settings = Reporter(loaded, FILE), loaded.settings
    loaded.engine = engine_name(loaded.root, settings)
    chosen = wing(loaded.engine)
    if (missing := chosen.missing()) is not None:
        say(("engine",) if settings.engine is not None else (), missing)
    for key in sorted(settings.warehouse.model_fields_set) if not chosen.file_backed else ():
        told = f"is about a file, and the warehouse is {chosen.title}: leave it out"
        if key == "ledgers":
            told += ". A server has backups of its own"
        say(("warehouse", key), f"{key} {told}", key=True)


def check_dbt(loaded: Loaded) -> None:
    """Is there a profile, is it for the engine, and is its file the one that `warehouse.path` names? A project that
    says nothing of dbt is told by dbt itself."""
    if not loaded.settings_known:
        return
    say, settings = Reporter(loaded, FILE), loaded.settings
    said = (loaded.root / (settings.warehouse.path or DEFAULT_WAREHOUSE)).expanduser()
    file_backed = wing(loaded.engine).file_backed
    try:
        profile = find_profile(loaded.root, settings, said)
    except ProfileError as error:
        if isinstance(error, MissingVariableError) and not file_backed:
            return  # a password, perhaps, which need not be where specs are checked
        if error.key == "engine":
            say(("engine",), str(error))
        elif "dbt" in settings.model_fields_set:
            at = error.key is not None and error.key in settings.dbt.model_fields_set
            say(("dbt", error.key) if at and error.key is not None else ("dbt",), str(error), key=not at)
        elif not file_backed:
            say(("engine",) if settings.engine is not None else (), str(error))
        return
    if settings.warehouse.path is None or not file_backed:
        return
    if profile.left_to_segflow or profile.path == said.resolve():
        return
    say(
        ("warehouse", "path"),
        f"is {said.resolve()}, and dbt writes to {profile.path} ({profile}): leave warehouse.path out, so that dbt's "
        "file is the warehouse, or name the same file in both",
    )
