"""Rendering: what templates may say, and what they are told when they cannot."""

from __future__ import annotations

import json
import time
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from segflow.messages import Email, Sms, WebhookCall
from segflow.numbers import Number
from segflow.outbox.records import PlannedMessage
from segflow.outbox.render import Renderer, RenderError

from .conftest import AS_OF, planned

ANA = {"contact_id": "c1", "name": "Ana <b>", "city": None, "town": None, "items": 3, "born": datetime(2000, 1, 2)}


KNOWN = {
    "flow": {"id": "welcome", "description": "Say hello", "goal": None},
    "segment": {"id": "new", "name": "new", "description": None, "owner": "eve@example.com"},
    "crossing": {"kind": "enters", "cause": "data", "entry_number": 2},
    "event": {"name": "purchase", "amount": Number("49.50"), "coupon": None, "at": datetime(2026, 2, 28, 7)},
    "enrollment": {"id": "e1", "enrolled_at": AS_OF, "visit": 1},
    "step": "hello",
    "next_step": None,
}


def render(tmp_path: Path, channel: str, content: dict[str, Any]) -> Any:
    row = planned(1, channel=channel, content=content)
    row |= {"enrolled_at": AS_OF, "planned_at": AS_OF}
    return Renderer(tmp_path).render(PlannedMessage(**row), ANA, "a@b.example.com", AS_OF, KNOWN)


def sms(tmp_path: Path, text: str) -> str:
    message = render(tmp_path, "sms", {"text": text, "template": None})
    assert isinstance(message, Sms)
    return message.text


def test_email_escapes_html_only(tmp_path: Path) -> None:
    message = render(
        tmp_path,
        "email",
        {
            "subject": "Hi\n{{ contact.name }}",
            "text": "{{ contact.name }}",
            "html": "<p>{{ contact.name }}</p>",
            "from": "x@y.example.com",
            "sender": None,
        },
    )
    assert isinstance(message, Email)
    assert (message.subject, message.text, message.html, message.sender_address, message.reply_to) == (
        "Hi Ana <b>",
        "Ana <b>",
        "<p>Ana &lt;b&gt;</p>",
        "x@y.example.com",
        None,
    )


def test_webhook_renders_every_text_of_the_body(tmp_path: Path) -> None:
    body = {"n": 1, "on": True, "none": None, "list": ["{{ contact.name }}", {"deep": "{{ step }}"}]}
    content = {"url": "https://a.example/{{ contact.contact_id }}", "method": "PUT", "headers": {"X": "{{ flow.id }}"}}
    message = render(tmp_path, "webhook", {**content, "body": body})
    assert isinstance(message, WebhookCall)
    assert (message.url, message.method, message.headers) == ("https://a.example/c1", "PUT", {"X": "welcome"})
    assert message.body == {"n": 1, "on": True, "none": None, "list": ["Ana <b>", {"deep": "hello"}]}


def test_template_files(tmp_path: Path) -> None:
    (tmp_path / "tea.txt").write_text("---\nsubject: Tea for {{ contact.name }}\nreply_to: a@b.example.com\n---\nDear")
    (tmp_path / "tea.html").write_text("<p>{{ contact.name }}</p>")
    message = render(tmp_path, "email", {"template": "tea"})
    assert (message.subject, message.text, message.reply_to) == ("Tea for Ana <b>", "Dear", "a@b.example.com")
    assert message.html == "<p>Ana &lt;b&gt;</p>"
    assert render(tmp_path, "email", {"template": "tea", "subject": "Other"}).subject == "Other"
    assert render(tmp_path, "sms", {"template": "tea"}).text == "Dear"


GOOD = {
    "context": (
        "{{ flow.description }} {{ segment.id }} {{ enrollment.id }} {{ step }} {{ as_of.year }}",
        "Say hello new e1 hello 2026",
    ),
    "the segment": ("{{ segment.name }} {{ segment.owner }} {{ segment.description or 'no words' }}",
                    "new eve@example.com no words"),
    "the crossing": ("{{ crossing.kind }} {{ crossing.cause }} {{ crossing.entry_number + 1 }}", "enters data 3"),
    "the event": ("{{ event.amount * 2 }} {{ event.at.day }} {{ event.coupon | default('none') }} {{ event.name }}",
                  "99 28 none purchase"),
    "the next step": ("{% if next_step %}x{% endif %}{{ next_step | default('the end') }}", "the end"),
    "the visit": ("{{ enrollment.visit }}", "1"),
    "missing with default": ("{{ contact.city | default('there') }}", "there"),
    "missing in if": ("{% if contact.city %}x{% else %}no city{% endif %}", "no city"),
    "missing compared": ("{{ contact.city == 'London' }}", "False"),
    "missing compared with missing": ("{{ contact.city == contact.town }} {{ contact.city != contact.town }}",
                                      "False True"),
    "missing compared with itself": ("{{ contact.city == contact.city }} {{ contact.city in [contact.town] }}",
                                     "False False"),
    "missing is not": ("{{ contact.city != 'London' }} {{ contact.city is defined }}", "True False"),
    "attribute by a filter": ("{{ contact | attr('name') }} {{ [contact] | map(attribute='items') | list }}",
                              "Ana <b> [3]"),
    "whether there is a contact": ("{% if contact %}yes{% endif %}", "yes"),
    "attribute named like a method": ("{{ contact.items + 1 }}", "4"),
    "time": ("{{ contact.born.strftime('%d.%m.') }} {{ enrollment.enrolled_at.isoformat() }}",
             "02.01. 2026-03-01T09:00:00+00:00"),
    "loop": ("{% for n in range(3) %}{{ n }}{% endfor %}", "012"),
    "formats": ("{{ '{:.2f}'.format(3) }} {{ '%05.1f' | format(2) }} {{ 'x' | center(3) }}|", "3.00 002.0  x |"),
    "no escape": ("{{ contact.name }}", "Ana <b>"),
    "value is no template": ("{{ '{{ contact.name }}' }}", "{{ contact.name }}"),
}  # fmt: skip


def test_an_sms_is_composed_letters(tmp_path: Path) -> None:
    assert sms(tmp_path, "Cafe\u0301") == "Café"


@pytest.mark.parametrize(("text", "result"), GOOD.values(), ids=GOOD.keys())
def test_what_templates_can_say(tmp_path: Path, text: str, result: str) -> None:
    assert sms(tmp_path, text) == result


BAD = {
    "missing in the event": (
        "{{ event.coupon }}",
        "event.coupon is missing; write {{ event.coupon | default('...') }} where that may be",
    ),
    "unknown in the event": ("{{ event.amunt | default(1) }}", "event has no property amunt (did you mean amount?)"),
    "unknown in the crossing": ("{{ crossing.caus }}", "crossing has no part caus (did you mean cause?)"),
    "the whole event": ("{{ event }}", "event is no value: name a part of it: event.NAME"),
    "no next step": ("{{ next_step }}", "next_step is missing"),
    "missing": ("a\nb {{ contact.city }}", "flow welcome, step hello, text, line 2: contact.city is missing"),
    "missing in filter": ("{{ contact.city | upper }}", "contact.city is missing"),
    "missing in a list": ("{{ [contact.name, contact.city] }}", "contact.city is missing"),
    "missing in a mapping": ("{{ {'city': contact.city} }}", "contact.city is missing"),
    "missing as a key": ("{{ {'a': 1}.pop(contact.city) }}", "contact.city is missing"),
    "unknown in a list": ("{{ [kontact, contact.name.foo] }}", "'kontact' is undefined"),
    "missing joined": ("{{ 'Hello ' ~ contact.city }}", "contact.city is missing"),
    "missing as an argument": ("{{ 'Dear NAME' | replace('NAME', contact.city) }}", "contact.city is missing"),
    "missing in a format": ("{{ '{} %s'.format(contact.city) }}", "contact.city is missing"),
    "missing in loop": ("{% for c in contact.city %}{% endfor %}", "contact.city is missing"),
    "missing compared by size": ("{{ contact.city < 3 }}", "contact.city is missing"),
    "unknown": ("{{ contact.nam }}", "contact has no attribute nam (did you mean name?)"),
    "unknown with default": ("{{ contact.nam | default('x') }}", "contact has no attribute nam (did you mean name?)"),
    "unknown by a computed name": (
        "{% set k = 'na' %}{{ contact[k ~ 'm'] | default('x') }}",
        "contact has no attribute nam (did you mean name?)",
    ),
    "unknown in a filter": (
        "{{ contact | attr('nam') | default('x') }}",
        "contact has no attribute nam (did you mean name?)",
    ),
    "unknown in a map": (
        "{{ [contact] | map(attribute='nam', default='x') | list }}",
        "contact has no attribute nam (did you mean name?)",
    ),
    "unknown but defined": ("{{ contact.nam is defined }}", "contact has no attribute nam (did you mean name?)"),
    "the whole contact": ("{{ contact }}", "contact is no value: name an attribute"),
    "a loop over the contact": ("{% for c in contact %}{% endfor %}", "contact is no value: name an attribute"),
    "something in the contact": ("{{ 'name' in contact }}", "contact is no value: name an attribute"),
    "unknown in if": ("{% if contact.nam %}{% endif %}", "contact has no attribute nam"),
    "unknown name": ("{{ kontact.name }}", "'kontact' is undefined"),
    "syntax": ("a\n{% if %}", "flow welcome, step hello, text, line 2: Expected an expression"),
    "private": ("{{ contact.name.__class__.__mro__ }}", "unsafe"),
    "private of contact": ("{{ contact._values }}", "unsafe"),
    "globals": ("{{ cycler.__init__.__globals__.os }}", "unsafe"),
    "format string": ("{{ '{0.__class__}'.format(contact) }}", "unsafe"),
    "include": ("{% include '/etc/passwd' %}", "no loader"),
    "huge range": ("{% for n in range(100000000) %}{% endfor %}", "more than 10,000 times"),
    "nested ranges": (
        "{% for a in range(9000) %}{% for b in range(9000) %}{% endfor %}{% endfor %}",
        "more than 10,000 times",
    ),
    "long text": ("{{ 'x' * 999999999999 }}", "repeated too often"),
    "long list": ("{{ [0] * 999999999999 }}", "repeated too often"),
    "much text": ("{% for a in range(5000) %}{{ 'x' * 1000 }}{% endfor %}", "more than 1,000,000 characters"),
    "power": ("{{ 9 ** 99999 }}", "too large"),
    "wide format": ("{{ '%99999999999d' % 1 }}", "% operator works on numbers only"),
    "wide braces": ("{{ '{:>99999999}'.format(1) }}", "format is too wide"),
    "width by value": ("{{ '{:{}}'.format(1, 99999999) }}", "format is too wide"),
    "wide percent": ("{{ '%99999999d' | format(1) }}", "format is too wide"),
    "wide indent": ("{{ 'x' | indent(99999, true) }}", "a width of 99999 is too large"),
    "wide filter": ("{{ 'x' | center(99999) }}", "a width of 99999 is too large"),
    "wide method": ("{{ 'x'.ljust(99999999) }}", "unsafe"),
    "division by zero": ("{{ 1 / 0 }}", "line 1: ZeroDivisionError"),
}


@pytest.mark.parametrize(("text", "said"), BAD.values(), ids=BAD.keys())
def test_what_templates_cannot_say(tmp_path: Path, text: str, said: str) -> None:
    begun = time.monotonic()
    with pytest.raises(RenderError) as caught:
        sms(tmp_path, text)
    assert said in str(caught.value)
    assert time.monotonic() - begun < 2


INCOMPLETE: dict[str, tuple[str, dict[str, Any], str]] = {
    "no template": ("email", {"template": "nothing", "subject": "x"}, "nothing"),
    "no subject": ("email", {"template": "plain"}, "there is no subject"),
    "html only for sms": ("sms", {"template": "page"}, "no .txt file, which an SMS needs"),
    "place in template": (
        "email",
        {"template": "broken"},
        "broken.txt, line 5: contact.city is missing",
    ),
    "place in body": (
        "webhook",
        {"url": "https://a.example", "body": {"a": ["{{ contact.city }}"]}},
        "flow welcome, step hello, body.a[0], line 1: contact.city",
    ),
}


@pytest.mark.parametrize(("channel", "content", "said"), INCOMPLETE.values(), ids=INCOMPLETE.keys())
def test_places(tmp_path: Path, channel: str, content: dict[str, Any], said: str) -> None:
    (tmp_path / "plain.txt").write_text("x")
    (tmp_path / "page.html").write_text("x")
    (tmp_path / "broken.txt").write_text("---\nsubject: x\n---\nx\n{{ contact.city }}\n")
    with pytest.raises(RenderError) as caught:
        render(tmp_path, channel, content)
    assert said in str(caught.value)


def test_a_step_is_compiled_once(tmp_path: Path) -> None:
    renderer = Renderer(tmp_path)
    row = PlannedMessage(
        **(planned(1, channel="sms", content={"text": "x {{ contact.name }}"}) | {"enrolled_at": AS_OF})
    )
    texts = {json.dumps(renderer.render(row, {"name": str(n)}, "+442079460018", AS_OF, {}).text) for n in range(50)}  # type: ignore[union-attr]
    assert len(texts) == 50
    assert len(renderer._compiled) == 1
