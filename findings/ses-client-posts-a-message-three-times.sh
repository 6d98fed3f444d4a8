#!/usr/bin/env bash
# botocore: one call of send_email may hand the same message to SES three times, and "at most one attempt" means two
#
# Seen with: botocore 1.44.8 (what boto3 is made of), client sesv2
# One would expect: sending a mail is a POST that is not idempotent, so a read timeout (the request was sent, the answer
#   is missing) is the caller's to decide. And retries={"max_attempts": 1} means one attempt.
# What happens: read timeouts and 5xx answers are repeated like any other failure, without a word: three POSTs by
#   default. In the client's Config max_attempts counts the REPEATS (the environment variable AWS_MAX_ATTEMPTS counts
#   the attempts), so 1 makes two POSTs; 0, or total_max_attempts=1, makes one.
# What hurts: SES knows no key that would recognise a repeat. If it took the first and the answer was slow, the contact
#   gets three mails, and the caller sees one error and may try again. No `unknown` outcome can repair that afterwards.
#   segflow's rule for a timeout after the body was sent is "ambiguous, repeat by hand"; a sender on botocore keeps it
#   only with total_max_attempts=1.
# Source: docs.aws.amazon.com/boto3/latest/guide/retries.html names the errors that are repeated, for all services.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install --quiet botocore==1.44.8 || { echo "cannot install"; exit 2; }

env -u AWS_MAX_ATTEMPTS -u AWS_RETRY_MODE AWS_CONFIG_FILE=none AWS_EC2_METADATA_DISABLED=true no_proxy=127.0.0.1 \
  venv/bin/python - <<'PY'
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.metadata import version

import botocore.session
from botocore.config import Config
from botocore.exceptions import ReadTimeoutError

accepted = []


class SlowSes(BaseHTTPRequestHandler):
    """Takes every message, and answers later than the client waits."""

    def do_POST(self):
        accepted.append(self.rfile.read(int(self.headers["Content-Length"])))
        time.sleep(2)

    def log_message(self, *_): ...


server = ThreadingHTTPServer(("127.0.0.1", 0), SlowSes)
threading.Thread(target=server.serve_forever, daemon=True).start()


def posts(**options):
    accepted.clear()
    client = botocore.session.Session().create_client(
        "sesv2", "eu-west-1", endpoint_url=f"http://127.0.0.1:{server.server_port}",
        aws_access_key_id="none", aws_secret_access_key="none", config=Config(read_timeout=0.5, **options),
    )  # fmt: skip
    text = {"Subject": {"Data": "Tea"}, "Body": {"Text": {"Data": "Hello"}}}
    try:
        to = {"ToAddresses": ["ann@example.com"]}
        client.send_email(FromEmailAddress="tea@example.com", Destination=to, Content={"Simple": text})
    except ReadTimeoutError:
        return len(accepted) if len(set(accepted)) == 1 else sys.exit("the requests differ")
    sys.exit("no timeout")


seen = [
    posts(),
    posts(retries={"max_attempts": 1}),
    posts(retries={"max_attempts": 0}),
    posts(retries={"total_max_attempts": 1}),
]
server.shutdown()
print(f"botocore {version('botocore')}: POSTs of one send_email that ends with a read timeout")
print("by default, max_attempts=1, max_attempts=0, total_max_attempts=1")
print(f"expected: [1, 1, 1, 1] (or an error for 0)\nseen:     {seen}")
if seen != [3, 2, 1, 1]:
    sys.exit("This has changed: the client repeats a message another number of times.")
PY
