#!/usr/bin/env bash
# Mailchimp's libraries raise for an error only if it has a body: an empty 500, 503 or 429 is returned as if it were sent.
#
# Seen with: mailchimp-transactional 1.4.1 (Mandrill), mailchimp-marketing 3.0.80.
# One would expect: that a status of 400 or more raises ApiClientError, as it does in the documentation's examples, where
#   everything else is a result.
# What happens: "if data: raise or return, else: return the response" (`ApiClient.call_api`). An error whose body is empty,
#   `{}`, `[]` or not JSON though it says so, or that has no Content-Type whatever its body, is no data: the call
#   returns a `requests.Response` and nothing is raised. Gateways answer like this when they are overloaded. What went
#   well and is empty (a list of nobody, 204) is a Response as well, where a list or nothing is documented.
# What hurts a user: `try: send, except ApiClientError: again` counts the mail as sent, and the contact as unsubscribed,
#   just while the service is in trouble. What reads the result fails by a KeyError far away, or not at all.
# What segflow does about it: it posts by itself and looks at the status first. Whoever writes a sender with these takes a
#   result that is not a list or a dict for an error, unless its `status_code` is below 300.
# Source: none found; mailchimp-transactional-python pull request 2 ("Improve error handling in ApiClient") is open.
set -euo pipefail
T=$(mktemp -d); trap 'rm -rf "$T"' EXIT; cd "$T"
{ "${PYTHON:-python3}" -m venv venv && venv/bin/pip install --quiet --quiet mailchimp-transactional==1.4.1 \
  mailchimp-marketing==3.0.80; } || exit 2
venv/bin/python - <<'PY'
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib.metadata import version

import mailchimp_marketing
import mailchimp_transactional
from mailchimp_marketing.api_client import ApiClientError as MarketingError
from mailchimp_transactional.api_client import ApiClientError as TransactionalError

answer = {}


class Mailchimp(BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(answer["status"])
        if answer["type"]:
            self.send_header("Content-Type", answer["type"])
        self.send_header("Content-Length", str(len(answer["body"])))
        self.end_headers()
        self.wfile.write(answer["body"])

    do_PATCH = do_POST

    def log_message(self, *_):
        pass


server = HTTPServer(("127.0.0.1", 0), Mailchimp)
threading.Thread(target=server.serve_forever, daemon=True).start()
mandrill, marketing = mailchimp_transactional.Client("key"), mailchimp_marketing.Client({"api_key": "key-us6"})
mandrill.api_client.host = marketing.api_client.host = f"http://127.0.0.1:{server.server_port}"


def called(send, *given):
    try:
        return f"returned {send(*given)!r}"
    except (MarketingError, TransactionalError) as error:
        return f"raised {error.status_code}"


holds = True
print(" | ".join(f"{name} {version(name)}" for name in ("mailchimp-transactional", "mailchimp-marketing")))
for status, type_, body, raises in (
    (500, "application/json", b'{"title": "Oops"}', True),
    (503, "text/html", b"<p>Service Unavailable</p>", True),
    (429, "text/html", b"", False),
    (502, None, b"Bad Gateway", False),
    (500, "application/json", b"{}", False),
    (500, "application/json", b"upstream timed out", False),
):
    answer.update(status=status, type=type_, body=body)
    seen = [called(mandrill.messages.send, {"message": {"to": [{"email": "ann@example.com"}], "text": "News"}}),
            called(marketing.lists.update_list_member, "list", "0" * 32, {"status": "unsubscribed"})]
    print(f"{status} {type_} {body.decode()!r}: expected raised {status}; seen {', '.join(dict.fromkeys(seen))}")
    holds &= seen == [f"raised {status}" if raises else f"returned <Response [{status}]>"] * 2
sys.exit(0 if holds else "changed: errors without a body are raised now (see above)")
PY
