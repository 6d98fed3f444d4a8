#!/usr/bin/env bash
# apprise: a mail URL with several recipients gets one verdict, and it is wrong for some of them either way
#
# Seen with: apprise 2.3.0 (against aiosmtpd 1.4.6)
# One would expect: apprise 2 returns results in place of True and False, with PARTIAL for "some did, some did not". A
#   mailto URL of three recipients, of which the server refuses one, is PARTIAL with a line for each; an address that
#   is none makes the URL invalid.
# What happens: results are per URL, not per recipient. One refused recipient makes the URL a FAILURE although the
#   others have their mail; nothing in the result names who. An address that is none is dropped when the URL is read:
#   SUCCESS.
# What hurts: "FAILURE: try again" sends the mail again to those who have it; and a colleague with a typing mistake in
#   the address is never told, while the result says SUCCESS. (apprise's own ?retry= repeats the refused ones only.)
#   What helps: one URL per recipient, and to count what was asked for. segflow does so when `notify` comes to be built.
# Source: no page or thread found.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install --quiet apprise==2.3.0 aiosmtpd==1.4.6 || { echo "cannot install"; exit 2; }

venv/bin/python - <<'PY' 2>log || { tail -5 log; exit 1; }
import socket
import sys
from importlib.metadata import version

from aiosmtpd.controller import Controller
from apprise import Apprise

delivered = []


class Server:
    async def handle_RCPT(self, server, session, envelope, address, options):
        if address == "gone@example.com":
            return "550 5.1.1 no such mailbox"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        delivered.extend(envelope.rcpt_tos)
        return "250 OK"


with socket.socket() as free:
    free.bind(("127.0.0.1", 0))
    port = free.getsockname()[1]
controller = Controller(Server(), hostname="127.0.0.1", port=port)
controller.start()


def told(recipients):
    delivered.clear()
    told = Apprise()
    added = told.add(f"mailto://127.0.0.1:{port}?mode=insecure&from=shop@example.com&to={recipients}")
    result = told.notify(body="The guard holds a segment.", title="segment held")
    return added, result.status.name, len(list(result)), sorted(delivered)


refused = told("ann@example.com,gone@example.com,bob@example.com")
mistyped = told("ann@example.com,bob.example.com")
controller.stop()

print(f"apprise {version('apprise')}: the URL is taken, status, results, who got the mail")
print(f"expected: (True, 'PARTIAL', 3, [ann, bob])   seen: {refused}")
print(f"expected: (False, ...), or not SUCCESS       seen: {mistyped}")
if refused != (True, "FAILURE", 1, ["ann@example.com", "bob@example.com"]):
    print("This has changed: a refused recipient no longer makes the whole URL a FAILURE.")
    sys.exit(1)
if mistyped != (True, "SUCCESS", 1, ["ann@example.com"]):
    print("This has changed: an address that is none is no longer dropped in silence.")
    sys.exit(1)
PY
