#!/usr/bin/env bash
# dkimpy signs List-Unsubscribe and not List-Unsubscribe-Post: the signature is valid, and the one click is not.
#
# Seen with: dkimpy 1.1.8.
# One would expect: that `dkim.sign(message, selector, domain, key)` covers what its documentation says, "all headers not
#   listed as SHOULD NOT sign", so both headers of one-click unsubscribe (RFC 8058), of which neither is so listed.
# What happens: it covers a list of its own, from before RFC 8058, that has List-Unsubscribe and the other List-* headers of
#   RFC 2369. List-Unsubscribe-Post, Feedback-ID and every X- header are not in the h= of the signature, which is valid.
# What hurts a user: RFC 8058 wants both headers in the h= of a valid signature, and large mailbox providers want it of who
#   sends much. The button is missing, and people press "spam" instead; all the checks that one makes are green.
# What segflow does about it: it signs nothing, the server behind `smtp` or the provider does. docs/SERVE.md and
#   docs/SENDERS.md say to look at the h= of the first real mail. Who signs by dkimpy gives `include_headers`, or signs
#   `DKIM.all_sign_headers()`.
# Source: the docstring of dkim.sign, as above; RFC 8058, section 4. Other signers had the same list and have mended it
#   (rspamd, pull request 3496; Postal, issue 2788).
set -euo pipefail
T=$(mktemp -d); trap 'rm -rf "$T"' EXIT; cd "$T"
{ "${PYTHON:-python3}" -m venv venv && venv/bin/pip install --quiet --quiet dkimpy==1.1.8 cryptography==50.0.2; } || exit 2
venv/bin/python - <<'PY'
import base64
import re
import sys
from importlib.metadata import version

import dkim
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

key = rsa.generate_private_key(65537, 2048)
private = key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
public = base64.b64encode(key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))
LINES = {
    b"From": b"Shop <shop@example.com>",
    b"To": b"ann@example.net",
    b"Subject": b"New tea",
    b"Date": b"Mon, 30 Nov 2026 09:00:00 +0000",
    b"Message-ID": b"<1@example.com>",
    b"List-Unsubscribe": b"<https://example.com/u/1>",
    b"List-Unsubscribe-Post": b"List-Unsubscribe=One-Click",
    b"Feedback-ID": b"tea:shop",
    b"X-Contact": b"C1",
}


def written(lines):
    return b"".join(name + b": " + value + b"\r\n" for name, value in lines.items()) + b"\r\nHello\r\n"


def valid(signature):
    return dkim.verify(signature + written(LINES), dnsfunc=lambda *_, **__: b"v=DKIM1; k=rsa; p=" + public)


holds = True
print("dkimpy", version("dkimpy"))
everything = [name.lower() for name in LINES]
for how, given, known in (
    ("by default", {}, [b"List-Unsubscribe-Post", b"Feedback-ID", b"X-Contact"]),
    ("include_headers of all", {"include_headers": everything}, []),
):
    signature = dkim.sign(written(LINES), b"news", b"example.com", private, **given)
    covered = re.sub(rb"\s", b"", re.search(rb"h=([^;]*)", signature)[1]).lower().split(b":")
    missing = [name for name in LINES if name.lower() not in covered]
    print(f"{how}: expected all signed; seen valid {valid(signature)}, not in h= {missing}")
    holds &= valid(signature) and missing == known
sys.exit(0 if holds else "changed: other headers are signed by default now (see above)")
PY
