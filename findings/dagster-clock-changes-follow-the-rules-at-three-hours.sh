#!/usr/bin/env bash
# Dagster: its rules for days on which clocks change hold for times from 1:00 to 3:59 only; zones change at midnight, too
#
# Seen with: dagster 1.13.27 (schedules and partitions share the code; partitions are shown, being public)
# One would expect: Dagster's rules in every zone: a time that a day does not have is replaced by the first one after the
#   gap (2:30 in Berlin in March: 3:00), and of a time that a day has twice it is the second.
# What happens: the code looks for such times in the hours 1, 2 and 3 alone. Cuba, Lebanon, Egypt, Chile and the
#   Azores change around midnight. There 0:30 on the day without it is run at 1:30, and of the two
#   0:30 in Havana, and the two 23:30 in Cairo and Santiago, it is the first.
# What hurts a user: the tick of that night comes an hour earlier than the documented one, so before what runs by the
#   second 0:30 (a load, say, that cron does) has come; two schedules of one rule in two zones part. Nothing is run
#   twice, and nothing is left out.
# What segflow does about it: a tick's as_of is the moment in UTC that Dagster gives, whichever; docs/OPERATIONS.md
#   advises against the hour of a change.
# Source: Dagster's guide "Customizing a schedule's execution timezone" has the two rules;
#   DAYLIGHT_SAVINGS_HOURS in dagster/_utils/schedules.py has the hours.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
"${PYTHON:-python3}" -m venv venv
venv/bin/pip install --quiet --quiet dagster==1.13.27 tzdata==2026.6 || { echo "cannot install"; exit 2; }

DAGSTER_DISABLE_TELEMETRY=1 venv/bin/python - <<'PY'
import sys
from datetime import UTC
from importlib.metadata import version

from dagster import DailyPartitionsDefinition

CASES = [  # zone, time of day, day, start by the rules (UTC), start seen (UTC)
    ("Europe/Berlin", (2, 30), "2026-03-29", "01:00", "01:00"),
    ("Europe/Berlin", (2, 30), "2026-10-25", "01:30", "01:30"),
    ("America/Havana", (0, 30), "2026-03-08", "05:00", "05:30"),
    ("Asia/Beirut", (0, 30), "2026-03-29", "22:00", "22:30"),
    ("America/Havana", (0, 30), "2026-11-01", "05:30", "04:30"),
    ("Atlantic/Azores", (0, 30), "2026-10-25", "01:30", "00:30"),
    ("Africa/Cairo", (23, 30), "2026-10-29", "21:30", "20:30"),
]
print("dagster", version("dagster"), "| tzdata", version("tzdata"))
holds = True
for zone, (hour, minute), day, ruled, known in CASES:
    days = DailyPartitionsDefinition("2026-01-01", timezone=zone, hour_offset=hour, minute_offset=minute)
    seen = days.time_window_for_partition_key(day).start.astimezone(UTC).strftime("%H:%M")
    print(f"{zone:15} {hour:2}:{minute} on {day}: expected {ruled} UTC; seen {seen}")
    holds &= seen == known
sys.exit(0 if holds else "This has changed: clock changes are met at other hours now, or at none.")
PY
