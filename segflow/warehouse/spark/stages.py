"""The schema of what is kept for a while, and the names of its tables, which say when each was begun."""

from __future__ import annotations

import re
import uuid
from datetime import UTC, datetime, timedelta

from sqlglot import exp

from segflow.warehouse.record_sql import write_of

STAGES = "segflow_stages"
"""The schema of what `stage` keeps. Spark has no temporary tables, and what a temporary view of a query shows is
another matter on every engine that speaks its protocol: so each is a table with a name of its own. A view of rows that
went along with it shows these on all of them."""
LEFT_ALONE_FOR = timedelta(days=1)
"""So long a table is left alone: whoever made it may be at work."""
# A catalog may have made the letters small.
_NAMED = re.compile(r".*__(\d{8}T\d{6})_[0-9a-f]{12}", re.IGNORECASE)


def new_table(name: str) -> exp.Table:
    """A name that no other table has."""
    begun = write_of(datetime.now(UTC))
    return table_named(f"{name.replace(' ', '_')}__{begun}_{uuid.uuid4().hex[:12]}")


def table_named(name: str) -> exp.Table:
    """The table of this name."""
    return exp.table_(name, db=STAGES, quoted=True)


def is_left_over(name: str, kept: timedelta = LEFT_ALONE_FOR) -> bool:
    """Was a table begun longer ago than `kept`? What has another form of name is not ours to judge."""
    found = _NAMED.fullmatch(name)
    return found is not None and found[1].upper() < write_of(datetime.now(UTC) - kept)
