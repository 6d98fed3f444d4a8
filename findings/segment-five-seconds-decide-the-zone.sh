#!/usr/bin/env bash
# Segment's library takes a datetime without a zone for local time or for UTC by how long ago it seems to be.
#
# Seen with: segment-analytics-python 2.4.0, rudder-sdk-python 2.1.9 (the same code), posthog 7.91.1 (a part of it).
# One would expect: one zone for all, UTC or the machine's, or an error.
# What happens: what local clocks showed less than five seconds ago, and whatever they are still to show, is local time;
#   what is older is UTC (`guess_timezone`). Of two events, one from now and one read from a queue six seconds later, the
#   older is moved by the whole offset, and the order is lost. West of Greenwich `datetime.utcnow()` is yet to come by
#   local clocks, so it is read as local and lands hours in the future; in Berlin the same line is right. Times to come
#   (as of a renewal) are local until they are past. PostHog's fork reads what is to come as UTC.
# What hurts a user: sessions, "within the last hour" and first or last touch, of a share of the events that depends on the
#   load; tests pass on a machine in UTC, where it cannot be seen.
# What segflow does about it: it takes times as they have come, and sees nothing later than the tick. The catalog's check
#   `TIME_not_in_future` finds those that lie ahead. Who sends events gives datetimes with a zone: these stay as they are.
# Source: none found. Segment's "Spec: Common Fields" says that all timestamps are in UTC; naive ones are not mentioned.
set -euo pipefail
T=$(mktemp -d); trap 'rm -rf "$T"' EXIT; cd "$T"
{ "${PYTHON:-python3}" -m venv venv && venv/bin/pip install --quiet --quiet segment-analytics-python==2.4.0 \
  rudder-sdk-python==2.1.9 posthog==7.91.1; } || exit 2
venv/bin/python - <<'PY'
import os
import sys
import time
from datetime import UTC, datetime, timedelta, timezone
from importlib.metadata import version

from posthog.utils import guess_timezone
from rudderstack.analytics.client import Client as Rudder
from segment.analytics.client import Client as Segment

print(" | ".join(f"{name} {version(name)}" for name in ("segment-analytics-python", "rudder-sdk-python", "posthog")))
CASES = {  # what a program has at hand -> how it is read west of Greenwich, and east of it, by Segment's and by PostHog's
    "now()": (["local", "local"], ["local", "local"]),
    "now(), six seconds later": (["UTC", "UTC"], ["UTC", "UTC"]),
    "utcnow()": (["local", "UTC"], ["UTC", "UTC"]),
    "now() and an hour": (["local", "UTC"], ["local", "UTC"]),
}
holds = True
for place, posix, hours in (("New York", "EST5", -5), ("Berlin", "CET-1", 1)):
    os.environ["TZ"] = posix
    time.tzset()
    here = timezone(timedelta(hours=hours))
    assert datetime.now().astimezone().utcoffset() == timedelta(hours=hours)

    def read(moment, given):
        found = datetime.fromisoformat(moment)
        zones = {"UTC": given.replace(tzinfo=UTC), "local": given.replace(tzinfo=here)}
        return next(name for name, one in zones.items() if abs(found - one) < timedelta(milliseconds=2))

    for name, known in CASES.items():
        now = datetime.now(UTC)
        local = now.astimezone(here).replace(tzinfo=None)
        later = {"now(), six seconds later": timedelta(seconds=-6), "now() and an hour": timedelta(hours=1)}
        given = now.replace(tzinfo=None) if name == "utcnow()" else local + later.get(name, timedelta(0))
        asked = [made("key", send=False).track("ann", "order", timestamp=given)[1]["timestamp"] for made in (Segment, Rudder)]
        seen = [read(one, given) for one in [*asked, guess_timezone(given).isoformat()]]
        read_by = ", ".join(f"{who} {as_}" for who, as_ in zip(("Segment", "Rudder", "PostHog"), seen))
        print(f"{place:8} {name:25} expected UTC for all, or local for all; seen {read_by}")
        segment, posthog = known[hours > 0]
        holds &= seen == [segment, segment, posthog]
sys.exit(0 if holds else "changed: datetimes without a zone are read by another rule now (see above)")
PY
