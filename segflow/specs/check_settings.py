"""`segflow.yml` against the rest of the project."""

from __future__ import annotations

import re
from collections.abc import Sequence

from segflow.errors import did_you_mean
from segflow.messages import CHANNELS, ascii_domain, is_address
from segflow.specs.check_exports import check_export_settings
from segflow.specs.check_values import check_span
from segflow.specs.loaded import Loaded, Reporter
from segflow.zones import known_zone, zone_names

FILE = "segflow.yml"

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_LONGEST = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_CRON: tuple[tuple[str, int, int, tuple[str, ...]], ...] = (
    ("minute", 0, 59, ()),
    ("hour", 0, 23, ()),
    ("day of the month", 1, 31, ()),
    ("month", 1, 12, _MONTHS),
    ("day of the week", 0, 7, _WEEKDAYS),
)
_CRON_PART = re.compile(r"(\*|[0-9a-z]+)(?:-([0-9a-z]+))?(?:/([0-9]+))?")


def check_settings(loaded: Loaded) -> None:
    """Check `loaded.settings`; the defaults pass."""
    say, settings = Reporter(loaded, FILE), loaded.settings
    if not known_zone(settings.time_zone):
        hint = did_you_mean(settings.time_zone, zone_names()) or "; write one like Europe/Berlin"
        say(("time_zone",), f"there is no time zone {settings.time_zone}{hint}")
    if problem := cron_problem(settings.cadence):
        say(("cadence",), f"'{settings.cadence}' is not a cron schedule: {problem}")
    if settings.delivery.mode == "test" and not settings.delivery.allowlist:
        say(("delivery", "mode"), "mode test sends to the allowlist only, and there is none: give delivery.allowlist")
    _check_allowlist(say, settings.delivery.allowlist)
    check_span(say, settings.delivery.max_lateness, ("delivery", "max_lateness"))
    timeout = settings.sql_segments.timeout
    if timeout.months or not timeout.seconds:
        say(
            ("sql_segments", "timeout"),
            f"'{timeout}' is no time limit: write seconds, minutes or hours, like 10 minutes",
        )
    for name, sender in settings.senders.items():
        from_: str | None = getattr(sender, "from_", None)  # a setting of whatever sends email
        if from_ is not None and not is_address(from_):
            say(("senders", name, "from"), f"'{from_}' is not an address: write Name <name@example.com>")
    for channel in CHANNELS:
        default = settings.default_senders.of(channel)
        if default is not None:
            check_sender(say, default, channel, ("default_senders", channel))
    check_export_settings(say, loaded)


def _check_allowlist(say: Reporter, entries: Sequence[str]) -> None:
    for number, entry in enumerate(entries):
        if entry.strip().startswith("*@"):
            try:
                ascii_domain(entry.strip()[2:])
            except ValueError as error:
                say(("delivery", "allowlist", number), f"'{entry}' names no domain: {error}")


def check_sender(say: Reporter, name: str, channel: str, loc: tuple[str | int, ...]) -> None:
    """A sender of this name exists and takes messages of this channel."""
    senders = say.loaded.settings.all_senders()
    if not say.loaded.settings_known:
        return
    if name not in senders:
        say.unknown(loc, "sender", name, list(senders), "senders are set up in segflow.yml")
    elif channel not in senders[name].channels:
        kind, takes = senders[name].type, ", ".join(senders[name].channels)
        say(loc, f"sender {name} (type {kind}) takes {takes}, not {channel}")
    elif (why := senders[name].refusal(channel)) is not None:
        say(loc, f"sender {name} {why}")


def cron_problem(text: str) -> str | None:
    """What is wrong with a cron schedule of five fields; None when nothing is.

    What never comes is refused, and what Dagster's iterator, which starts the ticks, reads in another way than it is
    written. The engine does not import Dagster; a test holds what passes here to that iterator.
    """
    fields = text.split()
    if len(fields) != 5:
        return f"it needs 5 fields (minute hour day month weekday), found {len(fields)}"
    for given, (name, low, high, words) in zip(fields, _CRON, strict=True):
        parts = given.lower().split(",")
        for part in parts:
            if problem := _cron_part(part, low, high, words):
                return f"the {name}, {part or 'empty'}, {problem}"
        if "*" in parts and len(parts) > 1:
            return f"the {name}, {given}, has * in a list: write * alone, or leave it out"
    days, months = (_cron_numbers(given.lower(), field) for given, field in zip(fields[2:4], _CRON[2:4], strict=True))
    if min(days) > max(_LONGEST[month - 1] for month in months):
        found = ", ".join(_MONTHS[month - 1].capitalize() for month in sorted(months))
        return f"it never comes, because there is no day {min(days)} in {found}"
    return None


def _cron_numbers(field: str, known: tuple[str, int, int, tuple[str, ...]]) -> set[int]:
    """The numbers that a field without problems stands for."""
    _, low, high, words = known
    found: set[int] = set()
    for part in field.split(","):
        match = _CRON_PART.fullmatch(part)
        assert match is not None
        start, end, step = match.groups()
        first, last = (
            (low, high) if start == "*" else (_cron_number(one, low, words) or 0 for one in (start, end or start))
        )
        found |= set(range(first, last + 1, int(step or 1)))
    return found


def _cron_part(part: str, low: int, high: int, words: tuple[str, ...]) -> str | None:
    match = _CRON_PART.fullmatch(part)
    if match is None:
        return "cannot be read"
    start, end, step = match.groups()
    if step is not None and not 1 <= int(step[:9]) <= high:
        return f"has a step outside 1 to {high}"
    if start == "*":
        return "cannot be a range from *" if end else None
    numbers = [_cron_number(value, low, words) for value in (start, end) if value is not None]
    if any(number is None or not low <= number <= high for number in numbers):
        return f"is outside {low} to {high}"
    if len(numbers) == 2 and (numbers[0] or 0) > (numbers[1] or 0):
        return "goes from high to low"
    if len(numbers) == 2 and numbers[0] == numbers[1]:
        return f"is a range of one: write {start}"
    return "has a step without a range" if step and len(numbers) == 1 else None


def _cron_number(text: str, low: int, words: tuple[str, ...]) -> int | None:
    if text in words:
        return words.index(text) + low
    return int(text) if text.isdigit() and len(text) <= 3 else None
