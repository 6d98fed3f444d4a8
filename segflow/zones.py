"""Time zones, from the pinned `tzdata` package alone. What the machine has is older or newer, and so is every engine:
a rule that changed this year puts them an hour apart. This module is the one place that loads zones.
"""

from __future__ import annotations

import struct
import zoneinfo
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from importlib import metadata, resources
from zoneinfo import ZoneInfo

# Before any zone is loaded: with no folder to look in, `zoneinfo` reads the package.
zoneinfo.reset_tzpath(())
ZoneInfo.clear_cache()

UTC_ZONE = ZoneInfo("UTC")
LAST = datetime(2100, 1, 1)
"""Offsets are listed up to here; the one that holds then is taken for all that is later."""
_EPOCH = datetime(1970, 1, 1)
_SCAN, _GRAIN = timedelta(days=28), timedelta(minutes=15)
"""Changes that follow from a rule are further apart than the first, and fall on whole parts of the second, in UTC."""


def zone_of(name: str) -> ZoneInfo:
    """The zone of an IANA name. Raises ValueError for any other text."""
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, KeyError) as error:  # ZoneInfoNotFoundError is a KeyError
        raise ValueError(f"there is no time zone {name}") from error


def known_zone(name: str) -> bool:
    """True for an IANA time zone."""
    try:
        zone_of(name)
    except ValueError:
        return False
    return True


def zone_names() -> list[str]:
    """All names, in order."""
    return sorted(zoneinfo.available_timezones())


@lru_cache(maxsize=1)
def version() -> str:
    """Of the package, like 2026.6."""
    return metadata.version("tzdata")


def to_local(instant: datetime, zone: ZoneInfo) -> datetime:
    """What clocks of `zone` show at an instant, without zone. A time without zone is UTC."""
    aware = instant if instant.tzinfo is not None else instant.replace(tzinfo=UTC)
    return aware.astimezone(zone).replace(tzinfo=None, fold=0)


def local_date(instant: datetime, zone: ZoneInfo) -> date:
    """The day of `zone` that an instant lies on."""
    return to_local(instant, zone).date()


def to_utc(local: datetime, zone: ZoneInfo) -> datetime:
    """The instant at which clocks of `zone` show `local` (without zone), in UTC: the first one where there are two, and
    the first after the gap where there is none. Raises OverflowError beyond the calendar."""
    before, after = (_offset(local.replace(tzinfo=zone, fold=fold)) for fold in (0, 1))
    if before >= after:
        return (local - before).replace(tzinfo=UTC)
    # In a gap, `before` is the offset before it, and `after` the one after it. The change lies in between.
    low, high = local - after, local - before
    while high - low > timedelta(seconds=1):
        middle = low + timedelta(seconds=(high - low) // timedelta(seconds=2))
        low, high = (middle, high) if _offset_at(middle, zone) == before else (low, middle)
    return high.replace(microsecond=0, tzinfo=UTC)


def day_start(day: date, zone: ZoneInfo) -> datetime:
    """The first instant of a day of `zone`, in UTC; cut off where the calendar ends."""
    try:
        return to_utc(datetime(day.year, day.month, day.day), zone)
    except OverflowError:  # the first day of year 1 begins in year 0, the last of 9999 in year 10000
        return (datetime.min if day.year == 1 else datetime.max).replace(tzinfo=UTC)


@lru_cache(maxsize=512)
def offsets(name: str) -> Sequence[tuple[datetime, timedelta]]:
    """The changes of a zone's offset up to `LAST`, in order: since when (UTC, without zone), and what clocks are
    ahead of UTC from then on. The first holds since ever."""
    zone = zone_of(name)
    found = [(datetime.min, _offset_at(datetime(1800, 1, 1), zone))]
    listed = _listed(name)
    for at in (*listed, *_by_rule(listed, zone)):
        offset = _offset_at(at, zone)
        if offset != found[-1][1]:
            found.append((at, offset))
    return tuple(found)


def _listed(name: str) -> list[datetime]:
    """The changes that the zone's file lists (RFC 8536)."""
    folder, _, file = f"zoneinfo/{name}".rpartition("/")
    data = resources.files("tzdata").joinpath(folder).joinpath(file).read_bytes()
    counts = struct.unpack(">6l", data[20:44])
    # The second block, which has times of eight bytes, follows the first one: its leap seconds, types and names.
    isut, isstd, leap, times, types, names = counts
    start = 44 + times * 5 + types * 6 + names + leap * 8 + isstd + isut
    (number,) = struct.unpack(">l", data[start + 32 : start + 36])
    seconds = struct.unpack(f">{number}q", data[start + 44 : start + 44 + number * 8])
    return [
        _EPOCH + timedelta(seconds=one) for one in seconds if -60_000_000_000 < one < (LAST - _EPOCH).total_seconds()
    ]


def _by_rule(listed: Sequence[datetime], zone: ZoneInfo) -> list[datetime]:
    """The changes after the last one listed: they follow from the rule at the end of the file."""
    at = max([*listed[-1:], _EPOCH]).replace(minute=0, second=0)
    found: list[datetime] = []
    offset = _offset_at(at, zone)
    while at < LAST:
        low, high = at, at + _SCAN
        at = high
        if _offset_at(high, zone) == offset:
            continue
        while high - low > _GRAIN:
            middle = low + (high - low) // _GRAIN // 2 * _GRAIN
            low, high = (middle, high) if _offset_at(middle, zone) == offset else (low, middle)
        found.append(high)
        offset = _offset_at(high, zone)
    return found


def _offset_at(instant: datetime, zone: ZoneInfo) -> timedelta:
    return _offset(instant.replace(tzinfo=UTC).astimezone(zone))


def _offset(moment: datetime) -> timedelta:
    found = moment.utcoffset()
    assert found is not None
    return found
