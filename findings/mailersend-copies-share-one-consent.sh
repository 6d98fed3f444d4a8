#!/usr/bin/env bash
# MailerSend's builder: copies of a mail share one setting for tracking, so the last contact's consent goes for everybody.
#
# Seen with: mailersend 2.2.0 (the library that MailerSend publishes).
# One would expect: that `copy()`, "New EmailBuilder instance with the same configuration", is a mail of its own, as it is
#   for recipients, tags and headers, which are copied; and that what `build()` returned does not change any more.
# What happens: `copy()` hands on the very same settings object, and so does `build()`. If the original says anything about
#   tracking, whatever is said to a copy is said to the original, to all other copies and to the requests that were built
#   before. If the original says nothing, each copy makes a settings object of its own, and all is well.
# What hurts a user: a bulk with tracking off, turned on for those who agreed to it: if the last one agreed, everybody is
#   tracked, and if not, nobody is. A test with one recipient, or with an original without settings, sees nothing.
# What segflow does about it: it posts by itself and builds each request from nothing. Whoever writes a sender with this
#   builder says `.tracking(clicks=..., opens=..., content=...)` to every copy: that makes a new object.
# Source: none found.
set -euo pipefail
T=$(mktemp -d); trap 'rm -rf "$T"' EXIT; cd "$T"
{ "${PYTHON:-python3}" -m venv venv && venv/bin/pip install --quiet --quiet mailersend==2.2.0; } || exit 2
venv/bin/python - <<'PY'
import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib.metadata import version

from mailersend import EmailBuilder, MailerSendClient

posted = []


class MailerSend(BaseHTTPRequestHandler):
    def do_POST(self):
        posted.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(202)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(b'{"bulk_email_id": "1"}')

    def log_message(self, *_):
        pass


server = HTTPServer(("127.0.0.1", 0), MailerSend)
threading.Thread(target=server.serve_forever, daemon=True).start()
client = MailerSendClient(api_key="key", base_url=f"http://127.0.0.1:{server.server_port}/v1/")
AGREED = {"ann": True, "bob": False, "cleo": False, "dan": True}
plain = EmailBuilder().from_email("shop@example.com").subject("News").html("<p>News</p>")


def sent(original, people, say=lambda mail, agreed: mail.track_opens(agreed)):
    """who is tracked, of a bulk of copies, one for each"""
    copies = [say(original.copy().to(f"{name}@example.com"), AGREED[name]).build() for name in people]
    client.emails.send_bulk(copies)
    return {mail["to"][0]["email"].split("@")[0]: mail["settings"]["track_opens"] for mail in posted[-1]}


def off():
    return plain.copy().tracking(clicks=False, opens=False, content=False)


everybody, backwards = list(AGREED), ["dan", "ann", "bob", "cleo"]
holds = True
print("mailersend", version("mailersend"))
for what, seen, known in (
    ("original without settings", sent(plain, everybody), AGREED),
    ("tracking off, last agreed", sent(off(), everybody), dict.fromkeys(AGREED, True)),
    ("tracking off, last did not", sent(off(), backwards), dict.fromkeys(AGREED, False)),
    ("said by tracking()", sent(off(), everybody, lambda mail, agreed: mail.tracking(opens=agreed)), AGREED),
):
    print(f"{what:26}: expected {AGREED}; seen {seen}")
    holds &= seen == known
sys.exit(0 if holds else "changed: a copy has its own settings now (see above)")
PY
