"""Does the warehouse's engine know the zones in use as the package does? Only `.sql` segments and people's own queries
can feel that it does not: segflow asks the package alone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pyarrow as pa
from sqlglot import exp

from segflow.doctor.findings import Checked, Finding
from segflow.doctor.workspace import ExaminedWorkspace
from segflow.errors import WarehouseError
from segflow.models.time_zones import TIME_ZONES
from segflow.segments.sql import col
from segflow.segments.sql import named as called
from segflow.warehouse import words
from segflow.warehouse.base import Warehouse, relation
from segflow.zones import offsets, to_local, version, zone_of

_AROUND = timedelta(days=730)
_SHOWN = 5


def time_zones(examined: ExaminedWorkspace) -> Checked:
    """Compare both at each change of clocks in the two years before now and after it, in each zone in use."""
    with examined.open_warehouse() as warehouse:
        rows = warehouse.rows(exp.select("zone").distinct().from_(relation(TIME_ZONES)))
        zones = sorted({examined.settings.time_zone, *(row["zone"] for row in rows)})
        apart = _apart(warehouse, zones, datetime.now(UTC).replace(tzinfo=None))
    says = f"{len(zones)} in use, by tzdata {version()}"
    if not apart:
        return Checked("time zones", says)
    first = min(apart.values())
    named = ", ".join(sorted(apart)[:_SHOWN]) + (f" and {len(apart) - _SHOWN} more" if len(apart) > _SHOWN else "")
    finding = Finding(
        f"{examined.engine.title} has other offsets than tzdata {version()} for {named}",
        f"from {first:%Y-%m-%d} on, AT TIME ZONE in .sql segments and in your own queries shows another local time "
        "there; conditions and flows go by tzdata",
        "do without AT TIME ZONE for these zones: conditions need none, your own queries can join segflow.time_zones",
    )
    return Checked("time zones", says, [finding])


def _apart(warehouse: Warehouse, zones: list[str], now: datetime) -> dict[str, datetime]:
    """Zone -> the first moment at which the engine shows another time. A zone that it does not know, it never gets."""
    found: dict[str, datetime] = {}
    for zone in zones:
        days = [now + timedelta(days=day) for day in range(-_AROUND.days, _AROUND.days, 30)]
        moments = sorted({*days, *(at for at, _ in offsets(zone) if abs(at - now) < _AROUND)})
        shown = [to_local(at, zone_of(zone)) for at in moments]
        asked = pa.table({"at": pa.array(moments, pa.timestamp("us")), "shown": pa.array(shown, pa.timestamp("us"))})
        clock = words.engine_clock(col("at"), exp.Literal.string(zone))
        differ = exp.NEQ(this=clock, expression=col("shown"))
        query = exp.select(called(exp.Min(this=col("at")), "first")).from_(warehouse.stage("moments_of_zones", asked))
        try:
            first = warehouse.scalar(query.where(differ))
        except WarehouseError:
            first = moments[0]
        if first is not None:
            found[zone] = first
    return found
