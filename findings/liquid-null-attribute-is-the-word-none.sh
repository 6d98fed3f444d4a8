#!/usr/bin/env bash
# python-liquid: an attribute that is NULL, handed to a filter as its argument, is written as the word None.
#
# Seen with: python-liquid 2.3.6 ("We follow Shopify/Liquid closely", says its readme).
# One would expect: nothing, as for an attribute that is missing: `{{ first_name }}` is empty in both cases, `default` takes
#   both, and in the reference, which is Ruby, nil made a text is the empty one.
# What happens: append, prepend, replace, join and truncate turn their argument into a text by Python's rules: None becomes
#   "None". And the guard that everybody writes, `!= blank`, lets it through: nil is blank in the reference, here only an
#   empty text, or one of blanks, is. Missing attributes pass that guard as well, and are then empty.
# What hurts a user: a row of a warehouse has NULL, not a missing key: "Hello None", "Your code: None", a link that ends in
#   `?code=None`, for just those who have no value; the preview, with test data, is right.
# What segflow does about it: it does not use it. It renders with Jinja2, and what needs an attribute without a value is not
#   sent, with the reason. Whoever renders templates of other services with this library leaves out attributes that are
#   None, and writes `{% if x and x != "" %}`.
# Source: jg-rp/liquid issue 3 (blank and nil in the reference, and that this library differs); none found for filters.
set -euo pipefail
T=$(mktemp -d); trap 'rm -rf "$T"' EXIT; cd "$T"
{ "${PYTHON:-python3}" -m venv venv && venv/bin/pip install --quiet --quiet python-liquid==2.3.6; } || exit 2
venv/bin/python - <<'PY'
import sys
from importlib.metadata import version

from liquid import render

CASES = [  # template -> expected whatever is not there; seen with NULL, with no such attribute, with an empty text
    ("Hello {{ x }}", "Hello ", ["Hello ", "Hello ", "Hello "]),
    ("Hello {{ x | default: 'friend' }}", "Hello friend", ["Hello friend"] * 3),
    ("{{ x | append: '!' }}", "!", ["!"] * 3),
    ("{{ 'Hello ' | append: x }}", "Hello ", ["Hello None", "Hello ", "Hello "]),
    ("{{ ', hello' | prepend: x }}", ", hello", ["None, hello", ", hello", ", hello"]),
    ("{{ 'Dear NAME' | replace: 'NAME', x }}", "Dear ", ["Dear None", "Dear ", "Dear "]),
    ("{{ 'https://e.example.com/?code=' | append: x }}", "https://e.example.com/?code=",
     ["https://e.example.com/?code=None", "https://e.example.com/?code=", "https://e.example.com/?code="]),
    ("{{ 'a,b' | split: ',' | join: x }}", "ab", ["aNoneb", "ab", "ab"]),
    ("{% if x != blank %}Your code: {{ x }}{% endif %}", "", ["Your code: ", "Your code: ", ""]),
    ("{% if x != blank %}{{ 'Your code: ' | append: x }}{% endif %}", "", ["Your code: None", "Your code: ", ""]),
    ("{% if x and x != '' %}{{ 'Your code: ' | append: x }}{% endif %}", "", ["", "", ""]),
]
holds = True
print("python-liquid", version("python-liquid"))
for template, wanted, known in CASES:
    seen = [render(template, x=None), render(template), render(template, x="")]
    print(f"{template}: expected {wanted!r} thrice; seen NULL {seen[0]!r}, missing {seen[1]!r}, empty {seen[2]!r}")
    holds &= seen == known
sys.exit(0 if holds else "changed: NULL is nothing now, or blank (see above)")
PY
