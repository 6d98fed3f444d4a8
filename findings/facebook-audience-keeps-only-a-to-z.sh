#!/usr/bin/env bash
# Meta's library takes all but a to z out of an audience's names: Иван, Мария and 山田 are one person, the empty one.
#
# Seen with: facebook-business 26.0.3 (the library that Meta publishes).
# One would expect: what Meta documents: first and last names may have special characters and other alphabets, in UTF-8;
#   phones are digits without symbols; the country is its code of two letters, or an error. And one hash for one
#   person, whether they come by an audience or by the conversions API of the same library.
# What happens: `CustomAudience.add_users` and `remove_users` take everything but a to z out of names and places before
#   they hash: Zoë is "zo", Иван is the hash of nothing. A country is its first two letters: Austria is "au", Australia;
#   Germany "ge", Georgia. With the schema of a single phone, symbols stay in: "+1 (555) 555-0100" and "15555550100" are
#   two people, while the schema of several keys takes them out. The conversions API (`UserData`) keeps the letters, takes
#   the blank out of a postcode, and raises for such a country.
# What hurts a user: the upload is accepted and counted, and the wrong or no people are found: a market with another
#   alphabet loses its names. `remove_users` of somebody who opted out misses them if the number is written otherwise.
# What segflow does about it: it exports CSV and uploads nothing to Meta. Whoever does normalises and hashes by Meta's page,
#   and calls `add_users(..., is_raw=True, pre_hashed=True)`, the same way for removing.
# Source: none found for the library. Meta's page "Customer File Custom Audiences", "Hash" (quoted in grouparoo issue 915):
#   "Only First name FN and Last Name LN support special characters and non-Roman alphabet".
set -euo pipefail
T=$(mktemp -d); trap 'rm -rf "$T"' EXIT; cd "$T"
{ "${PYTHON:-python3}" -m venv venv && venv/bin/pip install --quiet --quiet facebook-business==26.0.3; } || exit 2
venv/bin/python - <<'PY'
import hashlib
import sys
from importlib.metadata import version

from facebook_business.adobjects.customaudience import CustomAudience
from facebook_business.adobjects.serverside.user_data import UserData

Keys = CustomAudience.Schema.MultiKeySchema


def sha(text):
    return hashlib.sha256(text.encode()).hexdigest()


def audience(key, value):
    return CustomAudience.format_params([key], [[value]], is_raw=True)["payload"]["data"][0][0]


def phone_alone(value):
    return CustomAudience.format_params(CustomAudience.Schema.phone_hash, [value])["payload"]["data"][0]


def conversions(**named):
    try:
        return next(value[0] for value in UserData(**named).normalize().values() if isinstance(value, list))
    except TypeError:
        return "an error"


NUMBER = "+1 (555) 555-0100"
CASES = [  # what, expected, by an audience as seen, and the text whose hash that is, by the conversions API
    ("first name Zoë", "zoë", audience(Keys.fn, "Zoë"), "zo", conversions(first_name="Zoë")),
    ("first name Иван", "иван", audience(Keys.fn, "Иван"), "", conversions(first_name="Иван")),
    ("first name Мария", "мария", audience(Keys.fn, "Мария"), "", conversions(first_name="Мария")),
    ("last name 山田", "山田", audience(Keys.ln, "山田"), "", conversions(last_name="山田")),
    ("country Austria", "an error", audience(Keys.country, "Austria"), "au", conversions(country_code="Austria")),
    ("postcode SW1A 1AA", "sw1a1aa", audience(Keys.zip, "SW1A 1AA"), "sw1a 1aa", conversions(zip_code="SW1A 1AA")),
    (f"phone {NUMBER}", "15555550100", audience(Keys.phone, NUMBER), "15555550100", conversions(phone=NUMBER)),
    (f"{NUMBER}, alone", "15555550100", phone_alone(NUMBER), NUMBER, conversions(phone=NUMBER)),
]
holds = True
print("facebook-business", version("facebook-business"))
for what, wanted, seen, known, other in CASES:
    texts = {sha(text): repr(text) for text in (wanted, known)}
    print(f"{what:24}: expected {wanted!r}; seen {texts.get(seen, seen)}, by the conversions API {texts.get(other, other)}")
    holds &= seen == sha(known) and other == (wanted if wanted == "an error" else sha(wanted))
sys.exit(0 if holds else "changed: names, countries or phones are hashed by another rule now (see above)")
PY
