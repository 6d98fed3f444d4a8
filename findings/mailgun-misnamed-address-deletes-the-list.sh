#!/usr/bin/env bash
# Mailgun's library, told to delete one unsubscribe by a name of the argument that it does not know, deletes all of them.
#
# Seen with: mailgun 1.10.0 (the library that Mailgun publishes).
# One would expect: a TypeError for a keyword that is not known, or at least no request; and with `lists.delete` and a
#   member's address, that the member is deleted.
# What happens: each endpoint has a word of its own for the address: `unsubscribe_address`, `bounce_address`,
#   `complaint_address`, `whitelist_address`; for lists `address` and `member_address`. A keyword that an endpoint does
#   not look for is dropped, so the address of the request ends before the person: `DELETE /v3/DOMAIN/unsubscribes`, which
#   Mailgun documents as "Clear all unsubscribe email addresses for the domain". An address that is empty or None ends
#   there as well, with a slash. `lists.delete(address=..., member_address=...)` deletes the list itself; the member's
#   endpoint is `lists_members`. All are answered with 200.
# What hurts a user: one person subscribes again, and everybody who ever unsubscribed or bounced gets the next mail.
# What segflow does about it: nothing there is deleted by it; its own suppressions are its own. Whoever calls this library
#   looks at the keyword for this endpoint, refuses an empty address before the call, and tries it with `dry_run=True`.
# Source: none found. The package's examples have the keywords, endpoint by endpoint; nothing says that others are dropped,
#   and what is written by the same endpoints (`create`) has the address as `address`.
set -euo pipefail
T=$(mktemp -d); trap 'rm -rf "$T"' EXIT; cd "$T"
{ "${PYTHON:-python3}" -m venv venv && venv/bin/pip install --quiet --quiet mailgun==1.10.0; } || exit 2
venv/bin/python - <<'PY'
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib.metadata import version

from mailgun.client import Client

asked = []


class Mailgun(BaseHTTPRequestHandler):
    def do_DELETE(self):
        asked.append(self.path.replace("%40", "@"))
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(b'{"message": "removed"}')

    def log_message(self, *_):
        pass


server = HTTPServer(("127.0.0.1", 0), Mailgun)
threading.Thread(target=server.serve_forever, daemon=True).start()
ANN, ALL, LIST = "ann@example.com", "/v3/example.com/unsubscribes", "/v3/lists/news@example.com"
CASES = [  # endpoint, keywords, what one would expect, what is asked
    ("unsubscribes", {"unsubscribe_address": ANN}, "ann", f"{ALL}/{ANN}"),
    ("unsubscribes", {"address": ANN}, "an error", ALL),
    ("unsubscribes", {"bounce_address": ANN}, "an error", ALL),
    ("unsubscribes", {"unsubscribe_address": ""}, "an error", f"{ALL}/"),
    ("unsubscribes", {"unsubscribe_address": None}, "an error", f"{ALL}/"),
    ("bounces", {"address": ANN}, "an error", "/v3/example.com/bounces"),
    ("lists_members", {"address": "news@example.com", "member_address": ANN}, "ann", f"{LIST}/members/{ANN}"),
    ("lists", {"address": "news@example.com", "member_address": ANN}, "ann, or an error", LIST),
]
holds = True
print("mailgun", version("mailgun"))
with Client(auth=("api", "key-0"), api_url=f"http://127.0.0.1:{server.server_port}") as client:
    for endpoint, named, wanted, known in CASES:
        asked.clear()
        try:
            getattr(client, endpoint).delete(domain="example.com", **named)
        except Exception as error:
            asked.append(repr(error))
        text = ", ".join(f"{key}={value!r}" for key, value in named.items())
        print(f"{endpoint}.delete({text}): expected {wanted}; seen DELETE {asked[0]}")
        holds &= asked == [known]
sys.exit(0 if holds else "changed: what an endpoint does not know is refused, or the path is another (see above)")
PY
