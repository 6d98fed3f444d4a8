#!/usr/bin/env bash
# phonenumbers: a letter O typed for a zero dials a 6, and the result is somebody else's valid number
#
# Seen with: phonenumbers 9.0.43
# One would expect: "+44 77OO 9OO123" is refused: after a plus sign and a country code there are no letters.
# What happens: three letters make a number a "vanity" one, and its letters become the digits of the telephone keypad.
#   O is on the 6, so the text above is parsed into another number, which is_possible_number and is_valid_number both
#   accept. A note behind the number is dialled as well: "... 12 Ann" gets 266 appended, where lengths vary (Germany).
#   With one or two letters they are dropped instead, and a shorter number is left.
# What hurts: a hand-typed or scanned list sends texts to strangers, and every check that the library offers says yes.
#   segflow refuses letters, and extensions, which no text reaches.
# Source: google/libphonenumber, FAQ.md (on characters that are no digits) and issue 1302 (open).
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install --quiet phonenumbers==9.0.43 || { echo "cannot install"; exit 2; }

venv/bin/python - <<'PY'
import sys

import phonenumbers

# Numbers set aside for fiction: 07700 900000 to 900999 (UK), 0171 39200 00 to 99 (Germany).
MEANT, TYPED = "+44 7700 900123", "+44 77OO 9OO123"
GERMAN, NOTED = "+49 171 39200 12", "+49 171 39200 12 Ann"


def parsed(text):
    number = phonenumbers.parse(text, None)
    e164 = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    return e164, phonenumbers.is_possible_number(number), phonenumbers.is_valid_number(number)


meant, typed, german, noted = (parsed(text) for text in (MEANT, TYPED, GERMAN, NOTED))
print(f"phonenumbers {phonenumbers.__version__}")
print(f"expected: {TYPED!r} is refused, or is not a possible number")
# Not printed whole: it may be somebody's.
print(f"seen:     {meant[0]} is meant, {typed[0][:6]}... is read; possible: {typed[1]}, valid: {typed[2]}")
print(f"expected: {NOTED!r} is refused, or is {german[0]}")
print(f"seen:     {noted[0]}; possible: {noted[1]}, valid: {noted[2]}")
if typed[0] != meant[0].replace("00", "66") or typed[1:] != (True, True):
    sys.exit("This has changed: the letter O is no longer read as the digit 6.")
if noted[0] != german[0] + "266" or not noted[1]:
    sys.exit("This has changed: a name behind the number is no longer dialled.")
PY
