#!/usr/bin/env bash
# Mailgun's library reads the first page of events twice and none of the others, and says that this was all.
#
# Seen with: mailgun 1.10.0 (the library that Mailgun publishes).
# One would expect: that `client.events.stream(...)` yields each event once, to the last page. Its readme shows it with
#   events: "handles cursor-based pagination invisibly under the hood".
# What happens: of the address of the next page (`paging.next`) it takes the query, and asks the first address again with it
#   (`Endpoint.stream`). Lists of bounces and unsubscribes have their cursor in the query, and are complete. Events have
#   it in the path (`/v3/DOMAIN/events/TOKEN`), so the same request is sent again; if its answer names the same next page,
#   the stream takes that for the end. No error, no warning. The asynchronous client has the same lines.
# What hurts a user: of all failures, complaints and unsubscribes since yesterday one page (at most 300) is read, each of
#   them counted twice; whoever is on a later page goes on getting mail. What fits on one page comes twice as well.
# What segflow does about it: it reads no events by this library. Whoever does asks `paging.next` as it stands, until a
#   page is empty, and counts an event once by its id.
# Source: none found for the fault. That the token is in the path: mailgun-php issue 380, and Mailgun's "Events" page.
set -euo pipefail
T=$(mktemp -d); trap 'rm -rf "$T"' EXIT; cd "$T"
{ "${PYTHON:-python3}" -m venv venv && venv/bin/pip install --quiet --quiet mailgun==1.10.0; } || exit 2
venv/bin/python - <<'PY'
import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib.metadata import version
from urllib.parse import parse_qs, urlsplit

from mailgun.client import Client

PAGES = [["ann", "bob"], ["cleo", "dan"], ["eve"], []]
asked = []


class Mailgun(BaseHTTPRequestHandler):
    def do_GET(self):  # as documented: a page, and the whole address of the next; an empty page is the end
        asked.append(self.path)
        at = urlsplit(self.path)
        if "/events" in at.path:  # the cursor is the last part of the path
            number = int(at.path.rpartition("/events")[2].strip("/").removeprefix("token") or 0)
            following, key = f"/v3/example.com/events/token{min(number + 1, 3)}", "recipient"
        else:  # the cursor is in the query
            number = int(parse_qs(at.query).get("p", ["0"])[0])
            following, key = f"/v3/example.com/unsubscribes?page=next&p={min(number + 1, 3)}&limit=2", "address"
        body = {"items": [{key: name} for name in PAGES[number]], "paging": {"next": here + following}}
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(json.dumps(body).encode())

    def log_message(self, *_):
        pass


server = HTTPServer(("127.0.0.1", 0), Mailgun)
here = f"http://127.0.0.1:{server.server_port}"
threading.Thread(target=server.serve_forever, daemon=True).start()
wanted = [name for page in PAGES for name in page]
print("mailgun", version("mailgun"))
with Client(auth=("api", "key-0"), api_url=here) as client:
    unsubscribes = [one["address"] for one in client.unsubscribes.stream(domain="example.com", filters={"limit": 2})]
    asked.clear()
    failed = {"event": "failed", "severity": "permanent", "limit": 2}
    events = [one["recipient"] for one in client.events.stream(domain="example.com", filters=failed)]
print(f"unsubscribes: expected {wanted}; seen {unsubscribes}")
print(f"events:       expected {wanted}; seen {events}")
print(f"              asked {asked}")
holds = unsubscribes == wanted and events == ["ann", "bob", "ann", "bob"] and len(set(asked)) == 1
sys.exit(0 if holds else "changed: the next pages of events are read now (see above)")
PY
