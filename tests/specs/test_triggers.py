# ruff: noqa: E501 (tables: one case per line)
"""What is wrong with triggers, at which place, in which words."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.specs.helpers import CATALOG, messages

STEPS = "\nsteps: [{id: a, wait: 1 day}]\n"
LEVEL = "trigger: {every_day_at: '09:00', segment: tea"
CAST = "trigger: {broadcast: {segment: tea, at: 2026-05-01T09:00"
BROKEN = {
    "level: no such time": ("trigger: {every_day_at: '9 am', segment: tea}", "1:25: '9 am' is not a time of the day: write it like 09:00, from 00:00 to 23:59"),
    "level: no segment": ("trigger: {every_day_at: '09:00'}", "1:10: segment is missing"),
    "level: another segment": ("trigger: {every_day_at: '09:00', segment: te}", "1:43: there is no segment te (did you mean tea?)"),
    "level: no such zone": (f"{LEVEL}, timezone: Europe/Berln}}", "1:58: there is no time zone Europe/Berln (did you mean Europe/Berlin?)"),
    "level: no zone at all": (f"{LEVEL}, timezone: x}}", "1:58: there is no time zone x; write one like Europe/Berlin, or contact"),
    "level: no such day": (f"{LEVEL}, on: [mo]}}", "1:52: 'mo' is not a day of the week (did you mean mon?): write mon, tue, wed, thu, fri, sat or sun, or a range like mon-fri"),
    "level: two kinds of days": (f"{LEVEL}, on: [mon, 3]}}", "1:52: write days of the week ([mon, wed]) or days of the month ([1, 15, last]), not both"),
    "level: no such day of a month": (f"{LEVEL}, on: 32}}", "1:52: 32 is no day of a month: write 1 to 31, or last for the last one"),
    "level: a wrong word": (f"{LEVEL}, zone: UTC}}", "1:48: unknown key zone (did you mean timezone?)"),
    "level: members are offered anyway": (f"{LEVEL}}}\ninclude_members: true", "2:1: include_members offers the members of segments that trigger with enters; here is only every_day_at"),
    "date: no such attribute": ("trigger: {date: borne}", "1:17: there is no attribute borne (did you mean born?)"),
    "date: a text": ("trigger: {date: city}", "1:17: city is a text: a date trigger needs a date or timestamp"),
    "date: a list": ("trigger: {date: [born]}", "1:17: date must be an attribute, or {object: subscription, field: renews_on}"),
    "date: no such object": ("trigger: {date: {object: ordr, field: status}}", "1:26: there is no object ordr (did you mean order?)"),
    "date: no such field": ("trigger: {date: {object: order, field: statu}}", "1:40: there is no field statu (did you mean status?)"),
    "date: a field that is a text": ("trigger: {date: {object: order, field: status}}", "1:40: status is a text: a date trigger needs a date or timestamp"),
    "date: repeat": ("trigger: {date: born, repeat: monthly}", "1:31: repeat cannot be the text 'monthly': expected once or yearly"),
    "date: no such zone": ("trigger: {date: born, timezone: nowhere}", "1:33: there is no time zone nowhere; write one like Europe/Berlin, or contact"),
    "date: another segment": ("trigger: {date: born, segment: coffee}", "1:32: there is no segment coffee; a segment is a file in segment_specs/"),
    "broadcast: no moment": ("trigger: {broadcast: {segment: tea}}", "1:22: at is missing"),
    "broadcast: a day": ("trigger: {broadcast: {segment: tea, at: 2026-05-01}}", "1:41: '2026-05-01' is no moment: write it like 2026-05-01T09:00, on the clocks of timezone:"),
    "broadcast: a zone in it": ("trigger: {broadcast: {segment: tea, at: '2026-05-01T09:00Z'}}", "1:41: '2026-05-01T09:00Z' is no moment: write it like 2026-05-01T09:00, on the clocks of timezone:"),
    "broadcast: no such day": ("trigger: {broadcast: {segment: tea, at: '2026-02-30T09:00'}}", "1:41: '2026-02-30T09:00' is no moment: write it like 2026-05-01T09:00, on the clocks of timezone:"),
    "broadcast: throttle": (f"{CAST}, throttle: fast}}}}", "1:69: 'fast' is no throttle: write a number per minute, hour or day, like 10000 per hour"),
    "broadcast: nobody per hour": (f"{CAST}, throttle: 0 per hour}}}}", "1:69: '0 per hour' is no throttle: write a number per minute, hour or day, like 10000 per hour"),
    "broadcast: another segment": ("trigger: {broadcast: {segment: te, at: 2026-05-01T09:00}}", "1:32: there is no segment te (did you mean tea?)"),
    "broadcast: no such zone": (f"{CAST}, timezone: Mars}}}}", "1:69: there is no time zone Mars; write one like Europe/Berlin, or contact"),
    "manual: false": ("trigger: {manual: false}", "1:19: manual cannot be false: expected true"),
    "manual beside others": ("trigger: {any: [{enters: tea}, {manual: true}]}", "1:33: manual: true stands alone: contacts can be enrolled by hand whatever the trigger"),
    "twice": ("trigger: {any: [{every_day_at: '09:00', segment: tea}, {every_day_at: '9:00', segment: tea}]}", "1:71: every day at 09:00, tea is given twice"),
    "two kinds in one": ("trigger: {date: born, enters: tea}", "1:23: a trigger has one of date, enters, not several"),
    "a word that is near": ("trigger: {every_day: '09:00', segment: tea}", "1:11: unknown key every_day (did you mean every_day_at?)"),
}  # fmt: skip


@pytest.mark.parametrize(("trigger", "expected"), BROKEN.values(), ids=BROKEN)
def test_broken_triggers(tmp_path: Path, trigger: str, expected: str) -> None:
    assert messages(tmp_path, flows__x=trigger + STEPS) == [f"x.yml:{expected}"]


def test_the_zone_of_contacts_must_be_known(tmp_path: Path) -> None:
    catalog = CATALOG.replace("  time_zone: zone\n", "")
    told = messages(tmp_path, segments__catalog=catalog, flows__x=f"{LEVEL}, timezone: contact}}{STEPS}")
    assert told == ["x.yml:1:58: the catalog does not say which zone contacts are in: give contacts.time_zone"]


FINE = {
    "level": f"{LEVEL}, timezone: contact, on: [mon-fri, sun]}}",
    "level of days of a month": f"{LEVEL}, timezone: Europe/Berlin, on: [1, 15, last]}}",
    "date": "trigger: {date: born, offset: -7 days, at: 09:00, repeat: yearly, timezone: contact, segment: tea}",
    "date by months": "trigger: {date: seen, offset: 2 months}",
    "broadcast": f"{CAST}, throttle: 10000 per hour, timezone: contact}}}}",
    "manual": "trigger: {manual: true}",
    "mixed": "trigger: {any: [{enters: tea}, {date: born}, {every_day_at: 18:30, segment: tea}]}",
}


@pytest.mark.parametrize("trigger", FINE.values(), ids=FINE)
def test_triggers_that_are_fine(tmp_path: Path, trigger: str) -> None:
    assert messages(tmp_path, flows__x=trigger + STEPS) == []
