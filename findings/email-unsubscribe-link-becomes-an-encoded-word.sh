#!/usr/bin/env bash
# Python's email: a long List-Unsubscribe link is written as an encoded word, and one-click unsubscribing is gone
#
# Seen with: Python 3.11.7, 3.12.1, 3.13.0 (standard library; nothing is installed)
# One would expect: EmailMessage with policy.SMTP writes a header of plain ASCII as it is; where a line is too long and
#   has no blank to fold at, it stays long (998 bytes are allowed), or at worst there is an error.
# What happens: what has no blank and is longer than 78 characters is cut into encoded words (=?utf-8?q?...?=), for any
#   header that the library knows no grammar for. These may stand in running text only, so receivers that go by the
#   rules find no <https://...> in it. Message-ID is spared; a policy with max_line_length=998 avoids it.
# What hurts: a link that carries who it is for and a signature is always that long. Large mailbox providers ask for a
#   working one (RFC 8058) and judge the sender by it; nothing fails on the way out.
#   segflow builds its mails with the older classes and a line length of 900, which keeps the link whole.
# Source: odoo/odoo pull request 289182, pallets-eco/flask-mail issue 246; RFC 2047 section 5.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv

venv/bin/python - <<'PY'
import platform
import sys
from email.message import EmailMessage
from email.policy import SMTP

LINK = f"<https://mail.example.com/u/{'0123456789abcdef' * 4}?list=tea&sig={'fedcba98' * 4}>"


def written(link, policy):
    message = EmailMessage(policy=policy)
    message["List-Unsubscribe"] = link
    message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    message.set_content("Hello\n")
    return message.as_bytes().decode("ascii").split("\r\nList-Unsubscribe-Post")[0].removeprefix("List-Unsubscribe:")


short, long = written(LINK[:40] + ">", SMTP), written(LINK, SMTP)
wide = written(LINK, SMTP.clone(max_line_length=998))
print(f"Python {platform.python_version()}; a link of {len(LINK)} characters")
print("expected: the link as it is, on a line of its own")
print("seen:    " + long.replace("\r\n", "\n        "))
if LINK[:40] + ">" not in short or LINK not in wide:
    sys.exit("This has changed: short links, or those under a longer line length, are altered, too.")
if LINK in long or "=?utf-8?q?" not in long:
    sys.exit("This has changed: a long link is written as it is.")
PY
