#!/usr/bin/env bash
# pywa: the end of a limited-time offer on WhatsApp is given in seconds where milliseconds are wanted: January 1970.
#
# Seen with: pywa 4.5.0, 3.0.0.
# One would expect: that an offer whose `expiration_time` is a datetime ends at this moment. WhatsApp wants
#   `expiration_time_ms`, "UNIX timestamp in milliseconds".
# What happens: `LimitedTimeOffer.params` writes `int(expiration_time.timestamp())` into the field that is called `_ms`. Every
#   moment of our time is the twentieth or twenty-first of January 1970 then; offers of a whole month end within the
#   same 45 minutes. With or without a zone makes no difference. No error: it is a valid number.
# What hurts a user: an offer that is over before it is sent: the countdown stands at its end and the coupon looks expired, if
#   WhatsApp takes the message at all (its side was not tried). A test that compares the datetime sees nothing.
# What segflow does about it: it posts by itself. Whoever writes a sender with this library hands the component over as
#   the dict that WhatsApp documents (`params` takes dicts), with `int(moment.timestamp() * 1000)`.
# Source: none found for the fault. Meta's page "Limited-time offer templates", and those of resellers, say milliseconds.
set -euo pipefail
T=$(mktemp -d); trap 'rm -rf "$T"' EXIT; cd "$T"
for version in 3.0.0 4.5.0; do
  { "${PYTHON:-python3}" -m venv "v$version" && "v$version/bin/pip" install --quiet --quiet "pywa==$version"; } || exit 2
done
cat > offer.py <<'PY'
import json
import sys
from datetime import UTC, datetime, timedelta, timezone
from importlib.metadata import version

import httpx
from pywa import WhatsApp
from pywa.types.templates import BodyText, LimitedTimeOffer, TemplateLanguage

posted = []


def answer(request):  # stands for WhatsApp
    posted.append(json.loads(request.content))
    contact = {"input": "15555550100", "wa_id": "15555550100"}
    return httpx.Response(200, json={"messaging_product": "whatsapp", "contacts": [contact], "messages": [{"id": "wamid.1"}]})


session = httpx.Client(transport=httpx.MockTransport(answer))
whatsapp = WhatsApp(phone_id="1", token="token", session=session)


def ends(component):
    whatsapp.send_template(to="15555550100", name="offer", language=TemplateLanguage.ENGLISH_US,
                           params=[BodyText.params("Ann"), component])
    part = next(one for one in posted[-1]["template"]["components"] if one["type"].lower() == "limited_time_offer")
    return datetime.fromtimestamp(part["parameters"][0]["limited_time_offer"]["expiration_time_ms"] / 1000, UTC)


holds = True
print("pywa", version("pywa"))
for moment in (datetime(2026, 12, 24, 18, tzinfo=UTC), datetime(2027, 1, 24, 18, tzinfo=timezone(timedelta(hours=1)))):
    seen = ends(LimitedTimeOffer.params(expiration_time=moment))
    print(f"LimitedTimeOffer.params: expected {moment.astimezone(UTC):%Y-%m-%d %H:%M}; seen {seen:%Y-%m-%d %H:%M}")
    holds &= seen == datetime.fromtimestamp(moment.timestamp() / 1000, UTC)
    if version("pywa") >= "4":
        offer = {"type": "limited_time_offer", "limited_time_offer": {"expiration_time_ms": int(moment.timestamp() * 1000)}}
        seen = ends({"type": "limited_time_offer", "parameters": [offer]})
        print(f"as a dict:               expected {moment.astimezone(UTC):%Y-%m-%d %H:%M}; seen {seen:%Y-%m-%d %H:%M}")
        holds &= seen == moment
sys.exit(0 if holds else "changed: the end of an offer is in milliseconds now (see above)")
PY
for version in 3.0.0 4.5.0; do "v$version/bin/python" offer.py; done
