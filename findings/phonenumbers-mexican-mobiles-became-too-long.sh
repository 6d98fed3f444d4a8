#!/usr/bin/env bash
# phonenumbers: one patch release makes every Mexican mobile number of the old form "too long"
#
# Seen with: phonenumbers 8.13.37 and 8.13.38; the same as 8.13.38 with 9.0.43
# One would expect: +52 1 and ten digits, as Mexican mobiles were written abroad until 2019, goes on to be read as +52
#   and the ten digits, as both ways to write an Argentine mobile are read as one. A patch release does not make numbers
#   unreachable that people have.
# What happens: up to 8.13.37 the 1 was dropped in parsing. In 8.13.38 the dialling prefixes were deleted from the data,
#   so the 1 counts as a digit, and the number is not possible any more (TOO_LONG).
# What hurts: WhatsApp still hands out 52 1 ... as the id of Mexican contacts, and address books are full of it. After
#   an upgrade they are skipped as invalid, and a suppression of the one form no longer covers the other.
#   segflow drops the 1 of +52 1 where ten digits stand behind it.
# Source: daviddrysdale/python-phonenumbers issue 306, google/libphonenumber pull request 3535.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
for version in 8.13.37 8.13.38 9.0.43; do
  venv/bin/pip install --quiet --target "v$version" "phonenumbers==$version" || { echo "cannot install"; exit 2; }
done

cat > one.py <<'PY'
import phonenumbers
from phonenumbers import PhoneNumberFormat, PhoneNumberType

example = phonenumbers.example_number_for_type("MX", PhoneNumberType.MOBILE)  # made up by the library
number = phonenumbers.parse(f"+521{example.national_number}", None)
same = number.national_number == example.national_number
possible = phonenumbers.is_possible_number(number)
print("the same as +52" if same else "another number", "possible" if possible else "impossible")
PY
echo "phonenumbers 8.13.37, 8.13.38, 9.0.43"
echo "expected: +52 1 (ten digits) is, in each: the same as +52 possible"
failed=0
BEFORE="the same as +52 possible" AFTER="another number impossible"
for pair in "8.13.37=$BEFORE" "8.13.38=$AFTER" "9.0.43=$AFTER"; do
  seen=$(PYTHONPATH="v${pair%%=*}" venv/bin/python one.py)
  echo "seen:     ${pair%%=*}: $seen"
  [ "$seen" = "${pair#*=}" ] || failed=1
done
[ $failed = 0 ] || { echo "This has changed: the old form of Mexican mobiles is read in another way."; exit 1; }
