#!/usr/bin/env bash
# Python and idna: one address, two domains, within one program
#
# Seen with: email-validator 2.4.0, idna 3.20, requests 2.34.2; Python 3.11
# One would expect: there is one way to write a domain in ASCII, so "...".encode("idna"), the idna package,
#   email-validator, requests and sockets agree about it.
# What happens: Python's codec follows the older standard (IDNA 2003), in which the German sharp s is only a way to
#   write ss; idna, email-validator and requests follow the newer one (2008), in which it is a letter, as registries
#   have it. hello@strasse.example and hello@xn--strae-oqa.example can be two owners' mailboxes. The codec reports no
#   loss. It is also what sockets, smtplib and http.client use for the host they connect to. (Greek final sigma and the
#   two joiners of Arabic and Indic scripts differ likewise.)
# What hurts: a mail checked for one domain is sent from, answered to, or handed to a server of the other.
#   segflow follows the newer one everywhere: contacts' addresses by email-validator, From and Reply-To by idna.
# Source: Python's documentation of encodings.idna names the standard (RFC 3490); odoo/odoo pull request 25023.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install --quiet email-validator==2.4.0 idna==3.20 requests==2.34.2 || { echo "cannot install"; exit 2; }

venv/bin/python - <<'PY'
import sys
from importlib.metadata import version
from urllib.parse import urlsplit

import idna
import requests
from email_validator import validate_email

DOMAIN = "stra\u00dfe.example"

seen = {
    "Python's codec": DOMAIN.encode("idna").decode(),
    "idna": idna.encode(DOMAIN).decode(),
    "email-validator": validate_email(f"hello@{DOMAIN}", check_deliverability=False).ascii_domain,
    "requests": urlsplit(requests.Request("POST", f"https://{DOMAIN}/").prepare().url).hostname,
}
print(f"email-validator {version('email-validator')}, idna {idna.__version__}, requests {requests.__version__}")
print(f"expected: one ASCII form of {DOMAIN}")
for name, ascii_form in seen.items():
    print(f"seen:     {name:16} {ascii_form}")
if seen["Python's codec"] != "strasse.example" or {*seen.values()} != {"strasse.example", "xn--strae-oqa.example"}:
    sys.exit("This has changed: the libraries agree, or Python's codec has moved to the newer standard.")
PY
