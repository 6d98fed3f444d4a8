"""Frequency caps and quiet hours of `segflow.yml` against the catalog and the calendar."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import get_args

from segflow.errors import did_you_mean
from segflow.firings import next_closing
from segflow.messages import CONTACT_CHANNELS
from segflow.specs.check_values import check_span
from segflow.specs.clock_times import CONTACT_ZONE
from segflow.specs.limits import QuietHours
from segflow.specs.loaded import Reporter
from segflow.specs.spec_file import Loc
from segflow.specs.steps.sending import Category
from segflow.zones import UTC_ZONE, known_zone, zone_names

_MONDAY = datetime(2026, 3, 2, tzinfo=UTC)
_WEEK = timedelta(days=8)


def check_limits(say: Reporter) -> None:
    """Check the limits in `delivery:`."""
    delivery, at = say.loaded.settings.delivery, ("delivery",)
    for number, cap in enumerate(delivery.caps):
        check_span(say, cap.per, (*at, "caps", number, "per"))
        for earlier in delivery.caps[:number]:
            if (earlier.channel, earlier.category, earlier.per) == (cap.channel, cap.category, cap.per):
                say((*at, "caps", number), f"there is a cap for the same messages already: {earlier}")
    rules = delivery.all_quiet_hours
    for number, rule in enumerate(rules):
        place: Loc = (*at, "quiet_hours", *((number,) if isinstance(delivery.quiet_hours, list) else ()))
        _check_zone(say, rule.timezone, (*place, "timezone"))
        before = rules[:number]
        if _for_ever(rules[: number + 1]) and not _for_ever(before):
            say(place, f"{'with those before, ' if before else ''}it would be quiet for ever: nothing is sent then")


def _check_zone(say: Reporter, name: str, loc: Loc) -> None:
    if name == CONTACT_ZONE:
        catalog = say.loaded.catalog
        if catalog is not None and catalog.contacts.time_zone is None and say.loaded.settings_known:
            source = say.loaded.files.get(say.file)
            if source is not None and _written(source.data, loc):
                say(loc, "the catalog does not say which zone contacts are in: give contacts.time_zone")
    elif not known_zone(name):
        near = did_you_mean(name, [CONTACT_ZONE, *zone_names()])
        say(loc, f"there is no time zone {name}{near or '; write one like Europe/Berlin, or contact'}")


def _written(data: object, loc: Loc) -> bool:
    for part in loc:
        inside = isinstance(data, list) and isinstance(part, int) and part < len(data)
        if not (inside or (isinstance(data, dict) and part in data)):
            return False
        data = data[part]  # type: ignore[index]
    return True


def _for_ever(rules: Sequence[QuietHours]) -> bool:
    """Is there a channel and a category for which no moment of the week is left? Zones are left out: clocks that differ
    by some hours may leave a gap."""
    for channel in CONTACT_CHANNELS:
        for category in get_args(Category):
            here = [rule for rule in rules if rule.cover(channel, category)]
            if here and len({rule.timezone for rule in here}) == 1 and not _gap(here):
                return True
    return False


def _gap(rules: Sequence[QuietHours]) -> bool:
    at = _MONDAY
    while at < _MONDAY + _WEEK:
        closings = [next_closing(rule.window, UTC_ZONE, at) for rule in rules]
        if None in closings:
            return False
        then = max(one for one in closings if one is not None)
        if then == at:
            return True
        at = then
    return False
