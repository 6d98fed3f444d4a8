# ruff: noqa: E501 (tables: one case per line)
"""Template files: front matter, sources, and names that will not exist when a message is rendered."""

from __future__ import annotations

from pathlib import Path

import pytest

from segflow.errors import InputError
from segflow.specs.templates import Template, load_template
from tests.specs.helpers import messages

FRONT = "---\nsubject: 'Hi {{ contact.city }}'\nreply_to: help@example.com\n---\nHello\n"


def test_text_and_html_with_front_matter(tmp_path: Path) -> None:
    (tmp_path / "welcome.txt").write_text(FRONT, encoding="utf-8")
    (tmp_path / "welcome.html").write_text("<p>Hello</p>\n", encoding="utf-8")
    assert load_template(tmp_path, "welcome") == Template(
        "Hi {{ contact.city }}", "help@example.com", "Hello\n", "<p>Hello</p>\n", text_line=5, html_line=1
    )


def test_text_alone(tmp_path: Path) -> None:
    (tmp_path / "short.txt").write_text("Hello", encoding="utf-8")
    assert load_template(tmp_path, "short") == Template(text="Hello")


@pytest.mark.parametrize("name", ["nothing", "../secret", "/etc/passwd", "", "a/b"])
def test_names_that_are_no_templates(tmp_path: Path, name: str) -> None:
    (tmp_path / "secret.txt").write_text("x", encoding="utf-8")
    folder = tmp_path / "templates"
    folder.mkdir()
    with pytest.raises(InputError, match="there is no template"):
        load_template(folder, name)


MISTAKES = {
    "unknown attribute": ("Hi\n{{ contact.cty }}", "x.txt:2:1: contact.cty: the catalog has no attribute cty (did you mean city?)"),
    "item": ("{{ contact['cty'] }}", "x.txt:1:1: contact.cty: the catalog has no attribute cty (did you mean city?)"),
    "attribute without contact": ("{{ city }}", "x.txt:1:1: city is an attribute of the contact: write contact.city"),
    "unknown name": ("{{ contct.city }}", "x.txt:1:1: unknown name contct (did you mean contact?)"),
    "unknown key": ("{{ flow.nam }}", "x.txt:1:1: flow.nam: flow has no nam"),
    "behind default": ("{{ contact.cty|default('x') }}", "x.txt:1:1: contact.cty: the catalog has no attribute cty (did you mean city?)"),
    "behind is defined": ("{{ contact.cty is defined }}", "x.txt:1:1: contact.cty: the catalog has no attribute cty (did you mean city?)"),
    "behind if": ("{% if contact.cty %}x{% endif %}", "x.txt:1:1: contact.cty: the catalog has no attribute cty (did you mean city?)"),
    "behind a loop": ("{% for x in contact.hobies %}{{ x }}{% endfor %}", "x.txt:1:1: contact.hobies: the catalog has no attribute hobies (did you mean hobbies?)"),
    "filter attr": ("{{ contact|attr('cty')|default('') }}", "x.txt:1:1: contact.cty: the catalog has no attribute cty (did you mean city?)"),
    "a variable for the contact": ("{% set c = contact %}{{ c.cty|default('') }}", "x.txt:1:1: c.cty: the catalog has no attribute cty (did you mean city?)"),
    "with": ("{% with c = contact %}{{ c.cty|default('') }}{% endwith %}", "x.txt:1:1: c.cty: the catalog has no attribute cty (did you mean city?)"),
    "a parameter for the contact": ("{% macro hi(who) %}{{ who.cty|default('') }}{% endmacro %}{{ hi(contact) }}", "x.txt:1:1: who.cty: the catalog has no attribute cty (did you mean city?)"),
    "a named parameter for the contact": ("{% macro hi(who) %}{{ who.cty|default('') }}{% endmacro %}{{ hi(who=contact) }}", "x.txt:1:1: who.cty: the catalog has no attribute cty (did you mean city?)"),
    "a parameter called contact": ("{% macro hi(contact) %}{{ contact.cty|default('') }}{% endmacro %}{{ hi(contact) }}", "x.txt:1:1: contact.cty: the catalog has no attribute cty (did you mean city?)"),
    "another thing called contact": ("{% set contact = 1 %}", "x.txt:1:1: contact is the contact of the message; call the variable something else"),
    "the whole contact": ("{{ contact }}", "x.txt:1:1: contact cannot be printed: name an attribute, like contact.contact_id"),
    "a loop over the contact": ("{% for x in contact %}{% endfor %}", "x.txt:1:1: contact cannot be looped over: name an attribute, like contact.contact_id"),
    "another root": ("{{ order.category|default('') }}", "x.txt:1:1: unknown name order; there are contact, event, "),
    "an event's property": ("{{ event.categry|default('') }}", "x.txt:1:1: event.categry: no event that triggers a flow has a property categry (did you mean category?)"),
    "a part of the crossing": ("{{ crossing.caus|default('') }}", "x.txt:1:1: crossing.caus: crossing has no caus (did you mean cause?)"),
    "a part of the segment": ("{{ segment.nam|default('') }}", "x.txt:1:1: segment.nam: segment has no nam (did you mean name?)"),
    "a part of the next step": ("{{ next_step.id|default('') }}", "x.txt:1:1: next_step.id: next_step has no id"),
    "unknown name behind default": ("{{ cty|default('') }}", "x.txt:1:1: unknown name cty; there are contact, event, "),
    "unknown key behind default": ("{{ flow.nam|default('') }}", "x.txt:1:1: flow.nam: flow has no nam"),
    "no part of a time": ("{{ as_of.yaer|default('') }}", "x.txt:1:1: as_of.yaer: as_of has no yaer (did you mean year?)"),
    "no part of a value": ("{{ contact.seen.yaer|default('') }}", "x.txt:1:1: contact.seen.yaer: no value has yaer (did you mean year?)"),
    "no part of a loop": ("{% for x in [1] %}{{ loop.indx|default('') }}{% endfor %}", "x.txt:1:1: loop.indx: loop has no indx (did you mean index?)"),
    "syntax": ("a\n{% if contact.city %}", "x.txt:2:1: the template is not valid: Unexpected end of template. "),
    "unknown filter": ("{{ contact.city | uper }}", "x.txt:1:1: the template is not valid: No filter named 'uper'."),
    "include": ("{% include 'other' %}", "x.txt:1:1: templates cannot include, import or extend others"),
    "line after front matter": ("---\nsubject: Hi\n---\n\n{{ foo }}", "x.txt:5:1: unknown name foo; there are contact, event, "),
    "subject": ("---\nsubject: Hi {{ foo }}\n---\n", "x.txt:2:10: unknown name foo; there are contact, event, "),
    "front matter key": ("---\nsubjct: Hi\n---\n", "x.txt:2:1: unknown key subjct (did you mean subject?)"),
    "no address": ("---\nreply_to: ana@\n---\n", "x.txt:2:11: reply_to must be an address, not 'ana@'"),
    "an address to be filled in": ("---\nreply_to: '{{contact.email}}@x.example'\n---\n", "x.txt:2:11: reply_to must be an address, not '{{contact.email}}@x.example'"),
    "open front matter": ("---\nsubject: Hi\n", "x.txt:1:1: the front matter has no closing --- line"),
    "number as subject": ("---\nsubject: 5\n---\n", "x.txt:2:10: subject must be a text; put it in quotes"),
}  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), MISTAKES.values(), ids=MISTAKES)
def test_mistakes_are_located(tmp_path: Path, text: str, expected: str) -> None:
    (found,) = messages(tmp_path, templates__x=text)
    assert found.startswith(expected)


FINE = [
    "{{ contact.city | default('there') }} {{ contact.contact_id }} {{ contact.points + 1 }}",
    "{% for n in range(3) %}{{ loop.index }} {{ n }}{% endfor %}",
    "{% set name = contact.city %}{{ name }}",
    "{{ flow.id }} {{ flow.description }} {{ segment.id }} {{ enrollment.enrolled_at }} {{ step }} {{ as_of.year }}",
    "{% macro hi(name) %}Hi {{ name }}{% endmacro %}{{ hi(contact.city) }}",
    "{% set c = contact %}{{ c.city }}{% with d = contact %}{{ d['city'] }}{% endwith %}{{ contact|attr('city') }}",
    "{% macro hi(who) %}{{ who.city }}{{ who.id }}{% endmacro %}{{ hi(contact) }}{{ hi(flow) }}",
    "{% for c in [1] %}{{ c.real }}{% endfor %}{% set c = contact %}",
    "{{ as_of.strftime('%d') }} {{ contact.city.upper() }} {{ contact.seen.year }} {{ enrollment.enrolled_at.date() }}",
    "{% for hobby in contact.hobbies %}{{ hobby }}{{ loop.last }}{% endfor %}{{ contact['ci' ~ 'ty'] }}",
    "{% set box = namespace(n=1) %}{{ box.n }}",
    "--- not front matter\n{ 5 } {",
]


@pytest.mark.parametrize("text", FINE)
def test_templates_that_are_fine(tmp_path: Path, text: str) -> None:
    assert messages(tmp_path, templates__x=text) == []


STEPS = {
    "text": '{id: a, send_sms: {text: "{{ contact.cty|default(1) }}"}}',
    "subject": '{id: a, send_email: {subject: "{{ contact.cty|default(1) }}", text: x}}',
    "html": '{id: a, send_email: {subject: x, html: "{{ contact.cty|default(1) }}"}}',
    "url": '{id: a, webhook: {url: "https://a.example/{{ contact.cty|default(1) }}"}}',
    "header": '{id: a, webhook: {url: "https://a.example", headers: {X: "{{ contact.cty|default(1) }}"}}}',
    "body": '{id: a, webhook: {url: "https://a.example", body: {a: [1, {b: "{{ contact.cty|default(1) }}"}]}}}',
}


@pytest.mark.parametrize("step", STEPS.values(), ids=STEPS)
def test_mistakes_in_the_texts_of_steps(tmp_path: Path, step: str) -> None:
    (found,) = messages(tmp_path, flows__x=f"trigger: {{enters: tea}}\nsteps:\n  - {step}\n")
    assert found.startswith("x.yml:3:")
    assert found.endswith("contact.cty: the catalog has no attribute cty (did you mean city?)")
