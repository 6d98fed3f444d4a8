"""The fakes refuse what their providers would refuse: a test against a fake that takes all proves nothing."""

from __future__ import annotations

import copy
import json
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.senders.email_providers import PROVIDERS, mail
from tests.senders.fakes import mailgun
from tests.senders.servers import Call

Change = Callable[[Any], Any]


def good(name: str, **changes: Any) -> Call:
    """What our sender asks, as the fake got it."""
    fake = PROVIDERS[name].fake()
    with fake.running() as url, PROVIDERS[name].make(url) as sender:
        sender.send(mail(**changes))
    return fake.calls[0]


def changed(call: Call, change: Change) -> Call:
    told = copy.deepcopy(json.loads(call.body))
    new = change(told)
    return replace(call, body=json.dumps(told if new is None else new).encode())


def put(**fields: Any) -> Change:
    """Set fields of the body; `a__0__b` is a path."""

    def change(told: Any) -> None:
        for path, value in fields.items():
            *way, last = path.split("__")
            at = told
            for step in way:
                at = at[int(step)] if step.isdigit() else at[step]
            at[int(last) if last.isdigit() else last] = value

    return change


def people(number: int) -> list[dict[str, str]]:
    return [{"email": f"a{n}@home.example"} for n in range(number)]


def persons(number: int) -> list[dict[str, Any]]:
    return [{"to": [{"email": f"a{n}@home.example"}], "subject": "x"} for n in range(number)]


SENDGRID: dict[str, Change] = {
    "an unknown field": put(subjekt="x"),
    "an unknown field of a personalization": put(personalizations__0__text="x"),
    "an unknown field of an address": put(personalizations__0__to__0__adress="x"),
    "1001 personalizations": put(personalizations=persons(1001)),
    "1001 recipients": put(personalizations__0__to=people(1001)),
    "no personalization": put(personalizations=[]),
    "an address twice": put(personalizations=persons(1) * 2),
    "an address twice in one": put(personalizations__0__to=people(1) * 2),
    "an address that is none": put(personalizations__0__to__0__email="ana"),
    "an empty part": put(content__0__value=""),
    "html before text": put(content=[{"type": f"text/{kind}", "value": "x"} for kind in ("html", "plain")]),
    "no content": lambda told: {name: value for name, value in told.items() if name != "content"},
    "a number in custom_args": put(personalizations__0__custom_args={"a": 1}),
    "custom_args that are too large": put(personalizations__0__custom_args={"a": "x" * 10_000}),
    "a number in headers": put(personalizations__0__headers={"X-A": 1}),
    "a reserved header": put(personalizations__0__headers={"Reply-To": "a@b.example"}),
    "an empty subject": put(personalizations__0__subject=""),
    "reply_to with reply_to_list": put(reply_to=people(1)[0], reply_to_list=people(1)),
    "send_at in four days": put(send_at=int(time.time()) + 4 * 86_400),
    "substitutions with a dynamic template": put(template_id="d-1", personalizations__0__substitutions={"a": "b"}),
    "eleven categories": put(categories=[str(n) for n in range(11)]),
    "a text as from": put(**{"from": "a@b.example"}),
}
POSTMARK: dict[str, Change] = {
    "an unknown field": put(Titel="x"),
    "an array of recipients": put(To=["a@home.example"]),
    "a number in Metadata": put(Metadata={"a": 1}),
    "a long key in Metadata": put(Metadata={"a" * 21: "1"}),
    "both bodies empty": put(TextBody="", HtmlBody=""),
    "a subject with a template": put(TemplateId=1),
    "51 recipients": put(Cc=",".join(f"a{n}@home.example" for n in range(50))),
    "an address that is none": put(To="ana"),
    "other letters before the @": put(To="jörg@home.example"),
    "a From that is none": put(From="shop"),
    "headers as an object": put(Headers={"X-A": "b"}),
}
RESEND: dict[str, Change] = {
    "an unknown field": put(titel="x"),
    "a number in headers": put(headers={"X-A": 1}),
    "a tag with a blank": put(tags=[{"name": "a", "value": "b c"}]),
    "51 recipients": put(to=[f"a{n}@home.example" for n in range(51)]),
    "html with a template": put(template={"id": "t"}),
    "no body": put(text="", html=""),
    "no subject": put(subject=""),
    "a quoted name in From": put(**{"from": '"Tea, Inc" <a@b.example>'}),
    "an encoded name in From": put(**{"from": "=?utf-8?q?Zo=C3=AB?= <a@b.example>"}),
    "other letters before the @": put(to=["jörg@home.example"]),
}
SES: dict[str, Change] = {
    "an unknown field": put(Subjekt="x"),
    "no content": put(Content={}),
    "Simple beside Raw": put(Content__Raw={"Data": "eA=="}),
    "51 recipients": put(Destination__ToAddresses=[f"a{n}@home.example" for n in range(51)]),
    "a tag with a blank": put(EmailTags=[{"Name": "a", "Value": "b c"}]),
    "16 headers": put(Content__Simple__Headers=[{"Name": f"X-{n}", "Value": "a"} for n in range(16)]),
    "a long header": put(Content__Simple__Headers=[{"Name": "X" * 20, "Value": "a" * 990}]),
    "a header that is not ASCII": put(Content__Simple__Headers=[{"Name": "X-A", "Value": "ë"}]),
    "TemplateData that is no JSON": put(Content={"Template": {"TemplateName": "t", "TemplateData": "{"}}),
    "other letters before the @": put(Destination__ToAddresses=["jörg@home.example"]),
    "no body": put(Content__Simple__Body={}),
}
CHANGES = {
    **{f"sendgrid: {name}": ("sendgrid", change) for name, change in SENDGRID.items()},
    **{f"postmark: {name}": ("postmark", change) for name, change in POSTMARK.items()},
    **{f"resend: {name}": ("resend", change) for name, change in RESEND.items()},
}


@pytest.mark.parametrize(("name", "change"), CHANGES.values(), ids=CHANGES)
def test_a_changed_request_is_refused(name: str, change: Change) -> None:
    call, fake = good(name), PROVIDERS[name].fake()
    headers = {header: value for header, value in call.headers.items() if header != "idempotency-key"}
    assert fake.handle(replace(call, headers=headers)).status in (200, 202)
    refused = fake.handle(changed(replace(call, headers=headers), change))
    assert 400 <= refused.status < 500, refused.body
    assert len(fake.mails) == 1


@pytest.mark.parametrize("change", SES.values(), ids=SES)
def test_ses_refuses_a_changed_request(change: Change, monkeypatch: pytest.MonkeyPatch) -> None:
    """Signed again after the change: it is not the signature that is refused."""
    call, fake = changed(good("ses"), change), PROVIDERS["ses"].fake()
    sender = PROVIDERS["ses"].make("http://127.0.0.1:1")
    headers = {name.lower(): value for name, value in sender._signed(call.body).items()}
    refused = fake.handle(replace(call, headers={**headers, "host": "127.0.0.1:1"}))
    assert (refused.status, refused.headers["x-amzn-ErrorType"].partition(":")[0]) == (400, "BadRequestException")


REQUESTS: dict[str, tuple[str, Callable[[Call], Call], int]] = {
    "sendgrid: no key": ("sendgrid", lambda call: without(call, "authorization"), 401),
    "sendgrid: no Accept": ("sendgrid", lambda call: without(call, "accept"), 406),
    "sendgrid: a form": ("sendgrid", lambda call: header(call, "content-type", "text/plain"), 415),
    "sendgrid: GET": ("sendgrid", lambda call: replace(call, method="GET"), 405),
    "sendgrid: another path": ("sendgrid", lambda call: replace(call, path="/v2/mail"), 404),
    "sendgrid: no JSON": ("sendgrid", lambda call: replace(call, body=b"{"), 400),
    "sendgrid: 31 MB": ("sendgrid", lambda call: replace(call, body=call.body + b" " * 31_000_000), 413),
    "postmark: no token": ("postmark", lambda call: without(call, "x-postmark-server-token"), 401),
    "postmark: another path": ("postmark", lambda call: replace(call, path="/mail"), 404),
    "postmark: 501 at once": ("postmark", lambda call: batch(call, 501), 422),
    "postmark: a batch that is an object": ("postmark", lambda call: replace(call, path="/email/batch"), 422),
    "postmark: no JSON": ("postmark", lambda call: replace(call, body=b"{"), 422),
    "resend: no key": ("resend", lambda call: without(call, "authorization"), 401),
    "resend: another key": ("resend", lambda call: header(call, "authorization", "Bearer re_other"), 403),
    "resend: GET": ("resend", lambda call: replace(call, method="GET"), 405),
    "resend: a long idempotency key": ("resend", lambda call: header(call, "idempotency-key", "k" * 257), 400),
    "resend: an empty idempotency key": ("resend", lambda call: header(call, "idempotency-key", ""), 400),
    "mailgun: no key": ("mailgun", lambda call: without(call, "authorization"), 401),
    "mailgun: another domain": ("mailgun", lambda call: replace(call, path="/v3/other.example/messages"), 404),
    "mailgun: JSON": ("mailgun", lambda call: header(call, "content-type", "application/json"), 400),
    "ses: no signature": ("ses", lambda call: without(call, "authorization"), 403),
    "ses: one byte more": ("ses", lambda call: replace(call, body=call.body + b" "), 403),
    "ses: another time": ("ses", lambda call: header(call, "x-amz-date", "20200101T000000Z"), 403),
    "ses: a token that is not signed": ("ses", lambda call: header(call, "x-amz-security-token", "t"), 403),
    "ses: another path": ("ses", lambda call: replace(call, path="/v2/email"), 404),
}


def header(call: Call, name: str, value: str) -> Call:
    return replace(call, headers={**call.headers, name: value})


def without(call: Call, name: str) -> Call:
    return replace(call, headers={key: value for key, value in call.headers.items() if key != name})


def batch(call: Call, number: int) -> Call:
    return replace(call, path="/email/batch", body=b"[" + b",".join([call.body] * number) + b"]")


@pytest.mark.parametrize(("name", "change", "status"), REQUESTS.values(), ids=REQUESTS)
def test_another_request_is_refused(name: str, change: Callable[[Call], Call], status: int) -> None:
    fake = PROVIDERS[name].fake()
    assert fake.handle(change(good(name))).status == status
    assert fake.mails == []


def test_resend_takes_a_key_once() -> None:
    call, fake = good("resend"), PROVIDERS["resend"].fake()
    first, again = fake.handle(call), fake.handle(call)
    other = fake.handle(changed(call, put(subject="another")))
    assert (first.status, again.body, len(fake.mails)) == (200, first.body, 1)
    assert (other.status, json.loads(other.body)["name"]) == (409, "invalid_idempotent_request")
    fake.forget()
    fake.handle(call)
    assert len(fake.mails) == 2


MAILGUN: dict[str, dict[str, Any]] = {
    "an unknown field": {"titel": "x"},
    "no to": {"to": ""},
    "no body": {"text": "", "html": ""},
    "html with a template": {"template": "t"},
    "an address that is none": {"to": "ana"},
    "1001 recipients": {"to": ",".join(f"a{n}@home.example" for n in range(1001))},
    "options over 16 KB": {"h:X-A": "x" * 16_384},
    "recipient-variables that are no JSON": {"recipient-variables": "{"},
    "recipient-variables of others": {"recipient-variables": '{"bob@home.example": {}}'},
}


@pytest.mark.parametrize("changes", MAILGUN.values(), ids=MAILGUN)
def test_mailgun_refuses(changes: dict[str, str]) -> None:
    call, fake = good("mailgun"), mailgun.FakeMailgun()
    assert fake.handle(call).status == 200
    told = fake.mails[0] | changes
    assert fake.handle(replace(call, body=urlencode(told).encode())).status == 400


def test_mailgun_says_when_recipients_see_each_other() -> None:
    call, fake = good("mailgun"), mailgun.FakeMailgun()
    fake.handle(call)
    told = fake.mails[0] | {"to": "ana@home.example, bob@home.example"}
    fake.handle(replace(call, body=urlencode(told).encode()))
    assert fake.leaks == 1
