#!/usr/bin/env bash
# Twilio's library writes a Z behind whatever the clock of a datetime shows: nine o'clock in New York is sent at four.
#
# Seen with: twilio 9.13.0.
# One would expect: that a datetime with an offset is the moment that it is, as in json, requests, httpx and boto, or is
#   refused when it is not in UTC.
# What happens: `send_at` and the filters by date (`date_sent_after`) are written as the clock shows them, followed by Z.
#   The offset is dropped, without a word (`iso8601_datetime` in twilio/base/serialize.py).
# What hurts a user: a message for the morning comes in the night, or after the window in which it may be sent. By the
#   filter, what was sent in the last hours is missed when answers are reconciled.
# What segflow does about it: it posts by requests and lets Twilio schedule nothing: a message is handed over when it is
#   due. Whoever writes a sender of their own with the library gives it `moment.astimezone(UTC)`.
# Source: none found.
set -euo pipefail
T=$(mktemp -d); trap 'rm -rf "$T"' EXIT; cd "$T"
{ "${PYTHON:-python3}" -m venv venv && venv/bin/pip install --quiet --quiet twilio==9.13.0 tzdata==2026.6; } || exit 2
venv/bin/python - <<'PY'
import sys
import threading
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib.metadata import version
from urllib.parse import parse_qs, urlsplit
from zoneinfo import ZoneInfo

from twilio.http.http_client import TwilioHttpClient
from twilio.rest import Client

asked = []


class Twilio(BaseHTTPRequestHandler):
    def answer(self, code, text):
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(text)

    def do_POST(self):
        asked.append(parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())["SendAt"][0])
        self.answer(201, b'{"sid": "SM1", "status": "scheduled"}')

    def do_GET(self):
        asked.append(parse_qs(urlsplit(self.path).query)["DateSent>"][0])
        self.answer(200, b'{"messages": [], "next_page_uri": null}')

    def log_message(self, *_):
        pass


server = HTTPServer(("127.0.0.1", 0), Twilio)
threading.Thread(target=server.serve_forever, daemon=True).start()


class Here(TwilioHttpClient):
    def request(self, method, uri, *given, **named):
        return super().request(method, f"http://127.0.0.1:{server.server_port}{urlsplit(uri).path}", *given, **named)


messages = Client("AC" + "0" * 32, "token", http_client=Here()).messages
holds = True
print("twilio", version("twilio"))
for zone in ("UTC", "Europe/Berlin", "America/New_York"):
    moment = datetime(2026, 12, 1, 9, tzinfo=ZoneInfo(zone))
    messages.create(to="+15005550006", body="Good morning", messaging_service_sid="MG1", schedule_type="fixed", send_at=moment)
    messages.list(date_sent_after=moment)
    sent, listed = asked[-2:]
    print(f"{moment.isoformat()}: expected {moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}; seen SendAt {sent}, DateSent> {listed}")
    holds &= sent == listed == "2026-12-01T09:00:00Z"
sys.exit(0 if holds else "changed: offsets are counted, or refused, now (see above)")
PY
