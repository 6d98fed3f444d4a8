"""dbt's cache of a parse, handed on from one project of this process to the next.

Most of a parse goes into dbt's own 500 macros, which are the same in every project. dbt keeps what it parsed in a
file and parses again what changed; but it throws all of it away when the path of the warehouse changes, and here each
test has a path of its own.
"""

from __future__ import annotations

from segflow.warehouse.dbt import DbtProject

_CACHE = "target/partial_parse.msgpack"
_kept: dict[bytes, bytes] = {}
"""dbt_project.yml -> dbt's cache of the first project that had it."""


def hand_on_parses() -> None:
    """Let every dbt project that is parsed in this process begin with the cache of an earlier one. Call it once."""
    parse = DbtProject.parse

    def parse_what_is_new(project: DbtProject) -> None:
        settings, cache = project.directory / "dbt_project.yml", project.directory / _CACHE
        content = settings.read_bytes() if settings.exists() else b""
        if content in _kept and not cache.exists():
            cache.parent.mkdir(exist_ok=True)
            cache.write_bytes(_kept[content])
        _forget_the_path()
        parse(project)
        if content not in _kept and cache.exists():
            _kept[content] = cache.read_bytes()

    DbtProject.parse = parse_what_is_new  # type: ignore[method-assign]


def _forget_the_path() -> None:
    """Leave the path of the warehouse out of what dbt compares a cache by. No model of ours asks for it."""
    from dbt.adapters.duckdb.credentials import DuckDBCredentials

    if not hasattr(DuckDBCredentials, "_all_connection_keys"):
        DuckDBCredentials._all_connection_keys = DuckDBCredentials._connection_keys
        DuckDBCredentials._connection_keys = lambda self: tuple(
            key for key in self._all_connection_keys() if key != "path"
        )
