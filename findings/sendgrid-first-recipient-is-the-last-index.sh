#!/usr/bin/env bash
# SendGrid's library numbers recipients from the end: what is set for `p=0` goes to the one who was given last.
#
# Seen with: sendgrid 6.12.5.
# One would expect: that with `is_multiple=True`, a mail for each, `p=0` is the first of `to_emails`, and that the data in
#   a To is for this To, or is refused where it cannot be.
# What happens: each personalization is put in front of those before it (`add_personalization` inserts at 0), so of three
#   recipients 0 is the third. Subject, substitutions, custom args, headers, the time to send and a cc go to the wrong
#   one. And without is_multiple, two To with `dynamic_template_data` become one mail to both, with the data of the last:
#   the earlier ones' is dropped. Both are requests that the API's documentation allows.
# What hurts a user: Ann's name, coupon and id are in Cleo's mail, and its events are counted for Ann. With one recipient,
#   with the middle one of three, and in a test that compares sets of values, it looks right.
# What segflow does about it: it writes the request itself, one personalization for each mail, by its own address
#   (`segflow/senders/sendgrid.py`). Who uses the library gives what is personal in the To, with `is_multiple=True`.
# Source: none found. The docstrings call p "Personalization object index"; the use case "Send multiple emails to multiple
#   recipients" gives everything in the To.
set -euo pipefail
T=$(mktemp -d); trap 'rm -rf "$T"' EXIT; cd "$T"
{ "${PYTHON:-python3}" -m venv venv && venv/bin/pip install --quiet --quiet sendgrid==6.12.5; } || exit 2
venv/bin/python - <<'PY'
import sys
from importlib.metadata import version

from sendgrid.helpers.mail import Cc, CustomArg, Header, Mail, SendAt, Subject, Substitution, To

NAMES = ["ann", "bob", "cleo"]


def posted(mail):
    return {one["email"].split("@")[0]: part for part in mail.get()["personalizations"] for one in part["to"]}


mail = Mail("shop@example.com", [To(f"{name}@example.com") for name in NAMES], "Hi", "Dear -name-", is_multiple=True)
for number, name in enumerate(NAMES):
    mail.subject = Subject(name, p=number)
    mail.send_at = SendAt(1798794000 + number, p=number)
    mail.add_substitution(Substitution("-name-", name, p=number))
    mail.add_custom_arg(CustomArg("contact", name, p=number))
    mail.add_header(Header("X-Contact", name, p=number))
    mail.add_cc(Cc(f"manager-of-{name}@example.com", p=number))
READ = {
    "subject": lambda part: part["subject"],
    "send_at": lambda part: NAMES[part["send_at"] - 1798794000],
    "substitutions": lambda part: part["substitutions"]["-name-"],
    "custom_args": lambda part: part["custom_args"]["contact"],
    "headers": lambda part: part["headers"]["X-Contact"],
    "cc": lambda part: part["cc"][0]["email"].removeprefix("manager-of-").split("@")[0],
}
holds = True
print("sendgrid", version("sendgrid"))
for what, read in READ.items():
    seen = [read(posted(mail)[name]) for name in NAMES]
    print(f"{what:13} of ann, bob, cleo: expected {NAMES}; seen {seen}")
    holds &= seen == NAMES[::-1]

each = [To(f"{name}@example.com", dynamic_template_data={"coupon": f"{name}-1"}) for name in NAMES]
for several, known in ((True, ["ann-1", "bob-1", "cleo-1"]), (False, ["cleo-1"] * 3)):
    mail = Mail("shop@example.com", each, "Hi", is_multiple=several)
    seen = [posted(mail)[name]["dynamic_template_data"]["coupon"] for name in NAMES]
    mails = len(mail.get()["personalizations"])
    print(f"coupons in the To, is_multiple={several}: expected ['ann-1', 'bob-1', 'cleo-1']; seen {seen} in {mails} mails")
    holds &= seen == known and mails == len(set(known))
sys.exit(0 if holds else "changed: recipients are numbered as they are given, or what is personal stays so (see above)")
PY
