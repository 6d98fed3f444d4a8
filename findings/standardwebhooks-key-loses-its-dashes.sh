#!/usr/bin/env bash
# standardwebhooks: a secret in URL-safe base64 is taken, with some of its characters left out
#
# Seen with: standardwebhooks 1.1.0
# One would expect: a secret that is not standard base64 (one made by secrets.token_urlsafe, with - and _ in it) is
#   refused when the Webhook is made, or is decoded in the alphabet it was written in.
# What happens: the characters - and _ are dropped and the rest is decoded: another, shorter key, and no error. There is
#   one only when the number of characters that are left cannot be base64, which is the case for one key in three.
# What hurts: every signature is wrong for a receiver that decodes the secret as it was meant, and right for one that
#   makes the same mistake; a test against one's own code passes. "Webhook(secret) did not raise" proves nothing.
#   segflow's sender checks the alphabet first.
# Source: Python's base64.b64decode leaves out foreign characters unless validate=True (its documentation says so).
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install --quiet standardwebhooks==1.1.0 || { echo "cannot install"; exit 2; }

venv/bin/python - <<'PY'
import base64
import binascii
import hashlib
import hmac
import random
import sys
from datetime import UTC, datetime
from importlib.metadata import version

from standardwebhooks import Webhook

MOMENT = datetime(2026, 7, 1, 9, tzinfo=UTC)


def outcome(key):
    secret = "whsec_" + base64.urlsafe_b64encode(key).decode().rstrip("=")
    content = f"msg_1.{int(MOMENT.timestamp())}.{{}}".encode()
    meant = "v1," + base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode()
    try:
        made = Webhook(secret).sign("msg_1", MOMENT, "{}")
    except binascii.Error:
        return "refused"
    return "right signature" if made == meant else "wrong signature"


draw = random.Random(8)
keys = [draw.randbytes(32) for _ in range(1000)]
with_dashes = [key for key in keys if set("-_") & set(base64.urlsafe_b64encode(key).decode())]
seen = [outcome(key) for key in with_dashes]
counts = {word: seen.count(word) for word in ("refused", "wrong signature", "right signature")}

print(f"standardwebhooks {version('standardwebhooks')}")
print(f"{len(with_dashes)} of 1000 random keys of 32 bytes have - or _ in URL-safe base64")
print(f"expected: all refused, or all with the right signature\nseen:     {counts}")
if counts["right signature"] or counts["wrong signature"] < len(with_dashes) / 2:
    sys.exit("This has changed: a secret in URL-safe base64 is decoded, or refused.")
PY
