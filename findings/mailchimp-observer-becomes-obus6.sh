#!/usr/bin/env bash
# Mailchimp's library writes the data centre over the word "server" anywhere in a path: observer@ is asked as obus6@.
#
# Seen with: mailchimp-marketing 3.0.80.
# One would expect: that the contact who is named is the contact who is changed. The path may have the member's address in
#   place of its hash: "This endpoint also accepts a list member's email address or contact_id".
# What happens: the library's address is `https://server.api.mailchimp.com/3.0`, and `url.replace("server", "us6")` is done when
#   the path is already in it (`ApiClient.call_api`). "observer@example.com" becomes "obus6@example.com", and a domain
#   "observer.example" "obus6.example", for reading, unsubscribing, tagging and deleting alike; ids with the word as well.
#   What is in the query or in the body stays.
# What hurts a user: whoever writes to or from an Observer, a mailserver@ or a server-team@ is "not found" (404), which an
#   unsubscribe takes for "is not on the list"; they go on getting mail. All other contacts of the list work.
# What segflow does about it: it does not use it. Whoever does gives the MD5 of the lower-case address, never the address.
# Source: none found. The sentence above is in Mailchimp's reference and in the library's docstring.
set -euo pipefail
T=$(mktemp -d); trap 'rm -rf "$T"' EXIT; cd "$T"
{ "${PYTHON:-python3}" -m venv venv && venv/bin/pip install --quiet --quiet mailchimp-marketing==3.0.80; } || exit 2
venv/bin/python - <<'PY'
import hashlib
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib.metadata import version
from urllib.parse import unquote

import mailchimp_marketing

asked = []


class Mailchimp(BaseHTTPRequestHandler):
    def do_PATCH(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        asked.append(unquote(self.path.removeprefix("/3.0/lists/list/members/")))
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(b'{"id": "1"}')

    def log_message(self, *_):
        pass


server = HTTPServer(("127.0.0.1", 0), Mailchimp)
threading.Thread(target=server.serve_forever, daemon=True).start()
client = mailchimp_marketing.Client({"api_key": "key", "server": "us6"})
client.api_client.host = f"http://127.0.0.1:{server.server_port}/3.0"
holds = True
print("mailchimp-marketing", version("mailchimp-marketing"))
for member, known in (
    ("ann@example.com", "ann@example.com"),
    ("observer@example.com", "obus6@example.com"),
    ("ann@observer.example", "ann@obus6.example"),
    ("mailserver@example.com", "mailus6@example.com"),
    (hashlib.md5(b"observer@example.com").hexdigest(), hashlib.md5(b"observer@example.com").hexdigest()),
):
    client.lists.update_list_member("list", member, {"status": "unsubscribed"})
    print(f"unsubscribe {member}: expected members/{member}; seen members/{asked[-1]}")
    holds &= asked[-1] == known
sys.exit(0 if holds else "changed: the path is left as it is now (see above)")
PY
