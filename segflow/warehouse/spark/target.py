"""What a target in a dbt profile says of a server that speaks Spark Connect."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from segflow.warehouse.wing import TargetError

REMOTE = "SPARK_REMOTE"
"""The environment variable by which dbt-spark, in its method `session`, finds the server."""

_WANTED = {
    "spark.sql.session.timeZone": ("utc", "etc/utc"),
    "spark.sql.caseSensitive": ("false",),
}


def connection(output: Mapping[str, Any], render: Callable[[Any], Any]) -> dict[str, str]:
    """Where dbt-spark would find the server: its `url`. Raises TargetError."""
    method = str(render(output.get("method")))
    if method != "session":
        raise TargetError(f"has method {method}; segflow reaches Spark through Spark Connect, which is method session")
    url = str(render(output.get("host")) or "")
    if not url.startswith("sc://"):
        raise TargetError(
            f"has host {url}: write host: sc://HOST:PORT, or \"{{{{ env_var('{REMOTE}') }}}}\", by which dbt finds the "
            "server, too"
        )
    given = output.get("server_side_parameters") or {}
    for name, wanted in _WANTED.items():
        if name in given and str(render(given[name])).lower() not in wanted:
            raise TargetError(f"has {name}: {given[name]}, and segflow works in the same session: leave it out")
    return {"url": url}
