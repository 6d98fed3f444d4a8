"""`segflow.yml` against the rest of the project."""

from __future__ import annotations

from collections.abc import Sequence

from segflow.errors import did_you_mean
from segflow.messages import CHANNELS, ascii_domain, is_address
from segflow.specs.check_exports import check_export_settings
from segflow.specs.check_limits import check_limits
from segflow.specs.check_links import check_links
from segflow.specs.check_values import check_span
from segflow.specs.cron import cron_problem
from segflow.specs.loaded import Loaded, Reporter
from segflow.zones import known_zone, zone_names

FILE = "segflow.yml"


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
    check_links(say, settings.delivery)
    check_span(say, settings.delivery.max_lateness, ("delivery", "max_lateness"))
    check_span(say, settings.delivery.keep_unmatched, ("delivery", "keep_unmatched"))
    check_limits(say)
    timeout = settings.sql_segments.timeout
    if timeout.months or not timeout.seconds:
        say(
            ("sql_segments", "timeout"),
            f"'{timeout}' is no time limit: write seconds, minutes or hours, like 10 minutes",
        )
    for name, sender in settings.senders.items():
        from_: str | None = getattr(sender, "from_", None) if "email" in sender.channels else None
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
