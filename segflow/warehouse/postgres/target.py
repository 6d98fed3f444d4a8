"""What a target in a dbt profile says of a server, in the words of libpq."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from segflow.warehouse.wing import TargetError

_NEEDED = {"host": "host", "user": "user", "dbname": "dbname"}
_PLAIN = ("sslmode", "sslcert", "sslkey", "sslrootcert")
_ALIASES = {"database": "dbname", "pass": "password"}
_TRUE = ("true", "yes", "on", "1")
CONNECT_TIMEOUT = "10"
"""Seconds, which is dbt's own default."""


def connection(output: Mapping[str, Any], render: Callable[[Any], Any]) -> dict[str, str]:
    """How dbt-postgres would reach the server, by libpq's names. Raises TargetError."""
    given = {_ALIASES.get(str(key), str(key)): value for key, value in output.items()}
    said = {key: str(found) for key, value in given.items() if (found := render(value)) not in (None, "")}
    missing = [name for name in _NEEDED if name not in said]
    if missing:
        raise TargetError(f"has no {' and no '.join(missing)}, which say where the database is")
    if said.get("autocommit", "").lower() in _TRUE:
        raise TargetError(
            "has autocommit: true, and generated tables are replaced in a transaction, so that nobody meets one half "
            "made: leave autocommit out"
        )
    told = {name: said[name] for name in (*_NEEDED, *_PLAIN) if name in said}
    told["port"] = said.get("port", "5432")
    if not told["port"].isdigit():
        raise TargetError(f"has port {told['port']}, which is no number")
    told["connect_timeout"] = said.get("connect_timeout", CONNECT_TIMEOUT)
    if "password" in said:
        told["password"] = said["password"]
    if said.get("keepalives_idle", "0") != "0":
        told["keepalives_idle"] = said["keepalives_idle"]
    options = {"role": _folded(said.get("role", "")), "search_path": said.get("search_path", "")}
    told["options"] = " ".join(f"-c {name}={_escaped(value)}" for name, value in options.items() if value)
    return {name: value for name, value in told.items() if value}


def target_at(url: str) -> dict[str, str]:
    """What dbt-postgres would be told to reach the server of a URL. Raises TargetError."""
    import psycopg
    from psycopg.conninfo import conninfo_to_dict

    try:
        said = {key: str(value) for key, value in conninfo_to_dict(url).items() if value is not None}
    except psycopg.ProgrammingError as error:
        raise TargetError(f"is no address of a database: {' '.join(str(error).split())}") from None
    known = (*_NEEDED, *_PLAIN, "port", "password", "connect_timeout", "keepalives_idle")
    unknown = sorted(set(said) - set(known))
    if unknown:
        raise TargetError(f"says {', '.join(unknown)}, which a target of dbt-postgres has no word for: leave it out")
    connection(said, lambda value: value)
    return {"type": "postgres", "port": "5432", **said}


def _folded(role: str) -> str:
    """A role as dbt's `set role ...` reads it: in small letters, unless it is quoted."""
    role = role.strip()
    return role[1:-1].replace('""', '"') if role.startswith('"') and role.endswith('"') else role.lower()


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace(" ", "\\ ")
