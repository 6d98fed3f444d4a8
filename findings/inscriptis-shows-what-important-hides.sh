#!/usr/bin/env bash
# A text made of an HTML mail has both halves, the one for phones and the one for large screens, once its CSS is inlined.
#
# Seen with: inscriptis 2.7.6, css-inline 0.24.0.
# One would expect: that a library which turns HTML into text and knows `display: none` knows it with `!important`, too, in
#   which mails are full of it: a media query can only win over an inlined style by being important, and the rule for
#   other screens is written likewise. css-inline keeps the word, as it must.
# What happens: inscriptis compares the value with "none", so "none !important" is another one, and the element is
#   printed. And the first `display: none` counts for good: what a later declaration shows again is left out.
#   `visibility` and the attribute `hidden` are not looked at.
# What hurts a user: the text part of a mail says everything twice, or a price that no screen shows.
# What segflow does about it: it takes out what is not shown before it makes the text (`segflow/outbox/html.py`).
# Source: none found.
set -euo pipefail
T=$(mktemp -d); trap 'rm -rf "$T"' EXIT; cd "$T"
{ "${PYTHON:-python3}" -m venv venv && venv/bin/pip install --quiet --quiet inscriptis==2.7.6 css-inline==0.24.0; } || exit 2
venv/bin/python - <<'PY'
import sys
from importlib.metadata import version

from css_inline import CSSInliner
from inscriptis import get_text

print("inscriptis", version("inscriptis"), "| css-inline", version("css-inline"))
RULES = """<style>.small { display: none%s } @media (max-width: 600px) { .small { display: block !important }
.large { display: none !important } }</style>"""
MAIL = "<div class='small'>9.99 on a phone</div><div class='large'>9.99</div>"
CASES = {  # what is read -> what a large screen shows, what is printed
    "inlined, plain": (CSSInliner().inline(RULES % "" + MAIL), ["9.99"], ["9.99"]),
    "inlined, important": (CSSInliner().inline(RULES % " !important" + MAIL), ["9.99"], ["9.99 on a phone", "9.99"]),
    "shown again": ("<p style='display: none; display: block'>9.99</p>", ["9.99"], []),
    "invisible": ("<p style='visibility: hidden'>7.99</p><p>9.99</p>", ["9.99"], ["7.99", "9.99"]),
}
holds = True
for name, (html, expected, known) in CASES.items():
    seen = [line.strip() for line in get_text(html).splitlines() if line.strip()]
    print(f"{name:18} expected: {expected}; seen: {seen}")
    holds &= seen == known
sys.exit(0 if holds else "changed: what is hidden is printed, or left out, by other rules now (see above)")
PY
