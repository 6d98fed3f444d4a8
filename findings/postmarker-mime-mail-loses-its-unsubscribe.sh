#!/usr/bin/env bash
# Postmarker sends a MIME message, or a mail of Django's, without its List-Unsubscribe and without any header of one's own.
#
# Seen with: postmarker 1.0, Django 5.2.19.
# One would expect: that a message handed over complete (`emails.send(message)`: "Support for sending Python email
#   instances"; or by its Django backend) arrives with its headers, as by SMTP: Postmark's API has a field for them,
#   and the library fills it for mails of its own (`Headers=`).
# What happens: eight things are read from the message: From, To, Cc, Bcc, Subject, Reply-To, the bodies and attachments
#   (`Email.from_mime`). All other headers are left out, and "Headers": [] is posted. No error, no warning; the mail
#   arrives and looks right.
# What hurts a user: bulk mail without one-click unsubscribe (RFC 8058), which the large mailboxes demand and answer with
#   the spam folder; ids for replies and bounces (In-Reply-To, X-...) and Precedence are gone. By SMTP, by the console
#   backend and in Django's outbox of a test they were there. Where Postmark adds an unsubscribe of its own (broadcast
#   streams), whoever uses it is unsubscribed there and not here.
# What segflow does about it: it posts by itself, and gives Postmark its headers as Headers. Whoever sends by this library
#   makes an `emails.Email(..., Headers={...})`, and looks at the source of the first mail that arrives.
# Source: none found.
set -euo pipefail
T=$(mktemp -d); trap 'rm -rf "$T"' EXIT; cd "$T"
{ "${PYTHON:-python3}" -m venv venv && venv/bin/pip install --quiet --quiet postmarker==1.0 Django==5.2.19; } || exit 2
venv/bin/python - <<'PY'
import json
import sys
import threading
from email.mime.text import MIMEText
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib.metadata import version

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from postmarker.core import PostmarkClient

settings.configure(POSTMARK={"TOKEN": "token"})
from postmarker.django.backend import EmailBackend  # noqa: E402, it wants settings

OWN = {"List-Unsubscribe": "<https://e.example.com/u/1>", "List-Unsubscribe-Post": "List-Unsubscribe=One-Click", "X-Id": "1"}
posted = []


class Postmark(BaseHTTPRequestHandler):
    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        posted.append(body[0] if isinstance(body, list) else body)
        answer = {"ErrorCode": 0, "Message": "OK", "MessageID": "1"}
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(json.dumps([answer] if isinstance(body, list) else answer).encode())

    def log_message(self, *_):
        pass


server = HTTPServer(("127.0.0.1", 0), Postmark)
threading.Thread(target=server.serve_forever, daemon=True).start()
client = PostmarkClient(server_token="token", root_api_url=f"http://127.0.0.1:{server.server_port}/")
mime = MIMEText("News")
for name, value in {"From": "shop@example.com", "To": "ann@example.com", "Subject": "News", **OWN}.items():
    mime[name] = value
backend = EmailBackend()
backend.client = client
django = EmailMultiAlternatives("News", "News", "shop@example.com", ["ann@example.com"], headers=OWN)
django.attach_alternative("<p>News</p>", "text/html")
holds = django.message()["List-Unsubscribe"] == OWN["List-Unsubscribe"]
print(" | ".join(f"{name} {version(name)}" for name in ("postmarker", "Django")))
for what, send, kept in (
    ("send(From=..., Headers=...)",
     lambda: client.emails.send(None, "shop@example.com", "ann@example.com", TextBody="News", Headers=OWN), OWN),
    ("send(message)", lambda: client.emails.send(mime), {}),
    ("send_batch(message)", lambda: client.emails.send_batch(mime), {}),
    ("Django's send_messages", lambda: backend.send_messages([django]), {}),
):
    send()
    seen = {one["Name"]: one["Value"] for one in posted[-1]["Headers"]}
    print(f"{what:28}: to {posted[-1]['To']}, expected headers {list(OWN)}; seen {list(seen)}")
    holds &= seen == kept
sys.exit(0 if holds else "changed: the headers of a message are posted now (see above)")
PY
