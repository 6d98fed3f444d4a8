# ruff: noqa: E501 (tables: one case per line)
"""Mistakes in `tests:` of a segment are found where they stand."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.specs.helpers import messages

RULE = "where: {any: [{segment: tea}, {segment: raw}]}\n"
RAW = "select contact_id from {{ ref('stg_raw') }} where contact_id <> {{ ref('segment__tea') }}\n"
HEAD = "{name: x, as_of: 2026-03-01, contacts: [{contact_id: a}], models: {stg_raw: []}, members: [a], "
MISTAKES: dict[str, tuple[str, str]] = {
    "time of the test": ("{name: x, as_of: ^soon, segments: {raw: []}, members: []}", "'soon' is not a date or time: write one like 2026-01-31 or 2026-01-31T09:00:00Z"),
    "no such member": ("{name: x, as_of: 2026-03-01, segments: {raw: []}, contacts: [{contact_id: anna}], members: [^ana]}", "there is no contact ana (did you mean anna?)"),
    "member without contacts": ("{name: x, as_of: 2026-03-01, segments: {raw: []}, members: [^a]}", "there is no contact a; each contact has a row under contacts"),
    "member twice": ("{name: x, as_of: 2026-03-01, contacts: [{contact_id: a}], models: {stg_raw: []}, members: [a, ^a]}", "contact a is there twice"),
    "no id": ("{name: x, as_of: 2026-03-01, contacts: [^{city: x}, {contact_id: a}], models: {stg_raw: []}, members: [a]}", "contact_id is missing"),
    "contact twice": ("{name: x, as_of: 2026-03-01, contacts: [{contact_id: a}, {contact_id: ^a}], models: {stg_raw: []}, members: [a]}", "contact a is there twice"),
    "an id that is none": ("{name: x, as_of: 2026-03-01, contacts: [{contact_id: ^true}], models: {stg_raw: []}, members: []}", "contact_id takes a text or a whole number, not true"),
    "unknown attribute": ("{name: x, as_of: 2026-03-01, contacts: [{contact_id: a, ^citty: x}], models: {stg_raw: []}, members: [a]}", "there is no attribute citty (did you mean city?)"),
    "wrong type": ("{name: x, as_of: 2026-03-01, contacts: [{contact_id: a, age: ^old}], models: {stg_raw: []}, members: [a]}", "age takes a number, not the text 'old'"),
    "no list": ("{name: x, as_of: 2026-03-01, contacts: [{contact_id: a, hobbies: ^tea}], models: {stg_raw: []}, members: [a]}", "hobbies takes a list of texts, not the text 'tea'"),
    "a list where one value goes": ("{name: x, as_of: 2026-03-01, contacts: [{contact_id: a, city: ^[x]}], models: {stg_raw: []}, members: [a]}", "city takes one value, not a list"),
    "a mapping as a value": ("{name: x, as_of: 2026-03-01, contacts: [{contact_id: a, city: ^{a: b}}], models: {stg_raw: []}, members: [a]}", "expected one value: a text, a number, true or false, or a list of texts"),
    "event without a time": (HEAD + "events: [^{contact_id: a, event: purchase}]}", "at is missing"),
    "unknown event": (HEAD + "events: [{contact_id: a, event: ^purchse, at: 2026-01-01}]}", "there is no event purchse (did you mean purchase?)"),
    "unknown property": (HEAD + "events: [{contact_id: a, event: purchase, at: 2026-01-01, ^categry: x}]}", "there is no property categry (did you mean category?)"),
    "event's contact": (HEAD + "events: [{contact_id: ^b, event: purchase, at: 2026-01-01}]}", "there is no contact b; each contact has a row under contacts"),
    "event's time": (HEAD + "events: [{contact_id: a, event: purchase, at: ^late}]}", "at takes a date or time like 2026-01-31T09:00:00Z, not the text 'late'"),
    "unknown object": (HEAD + "objects: {^ordr: []}}", "there is no object ordr (did you mean order?)"),
    "unknown field": (HEAD + "objects: {order: [{contact_id: a, ^totl: 1}]}}", "there is no field totl (did you mean total?)"),
    "object of nobody": (HEAD + "objects: {order: [^{order_id: 1}]}}", "contact_id is missing"),
    "object twice": (HEAD + "objects: {order: [{order_id: 1, contact_id: a}, {order_id: ^1, contact_id: a}]}}", "order 1 is there twice"),
    "no such parent": (HEAD + "objects: {item: [{order_id: ^1}]}}", "there is no order 1 in this test: add it under objects"),
    "unknown tag": (HEAD + "tags: [{contact_id: a, name: ^vipp}]}", "there is no tag vipp (did you mean vip?)"),
    "unknown list key": (HEAD + "lists: [{contact_id: a, ^nme: x}]}", "unknown key nme (did you mean name?)"),
    "unknown message": (HEAD + "messages: [{contact_id: a, message: ^open, at: 2026-01-01}]}", "message cannot be the text 'open': expected sent, delivered, opened, clicked, bounced, replied, complained or unsubscribed (did you mean opened?)"),
    "url of no click": (HEAD + "messages: [{contact_id: a, message: opened, at: 2026-01-01, url: ^x}]}", "a link is clicked, not opened: url goes with message: clicked"),
    "unknown flow": (HEAD + "messages: [{contact_id: a, message: opened, at: 2026-01-01, flow: ^helo}]}", "there is no flow helo (did you mean hello?)"),
    "unknown step": (HEAD + "messages: [{contact_id: a, message: opened, at: 2026-01-01, flow: hello, step: ^helo}]}", "there is no step of flow hello called helo (did you mean hello?)"),
    "held attribute": (HEAD + "held: [{contact_id: a, attribute: ^town2, since: 2026-01-01}]}", "there is no attribute town2 (did you mean town?)"),
    "a segment it does not need": (HEAD + "segments: {^hello: [a]}}", "big does not refer to segment hello; it refers to raw, tea"),
    "itself": (HEAD + "segments: {^big: [a]}}", "big does not refer to segment big; it refers to raw, tea"),
    "a member of a segment": (HEAD + "segments: {tea: [^b]}}", "there is no contact b; each contact has a row under contacts"),
    "a model it does not need": ("{name: x, as_of: 2026-03-01, contacts: [{contact_id: a}], models: {stg_raw: [], ^stg_events: []}, members: [a]}", "no .sql segment of this test reads model stg_events; it reads stg_raw"),
    "no model at all": ("{name: x, as_of: 2026-03-01, contacts: [{contact_id: a}], models: {^stg_raw: []}, members: [a], segments: {raw: []}}", "models is for .sql segments, and this test needs none: say it with contacts, events, objects"),
    "a model that it needs": ("^{name: x, as_of: 2026-03-01, members: []}", "the query of segment raw reads model stg_raw: give its rows under models"),
    "the same name": ("{name: x, as_of: 2026-03-01, segments: {raw: []}, members: []}\n  - {name: ^x, as_of: 2026-03-01, segments: {raw: []}, members: []}", "there are two tests called x"),
    "no name": ("^{as_of: 2026-03-01, segments: {raw: []}, members: []}", "name is missing"),
    "misspelt key": (HEAD + "^event: []}", "unknown key event (did you mean events?)"),
}  # fmt: skip
"""A test, with ^ before the place of its mistake, and the mistake in words."""


@pytest.mark.parametrize(("test", "message"), MISTAKES.values(), ids=MISTAKES)
def test_mistakes(tmp_path: Path, test: str, message: str) -> None:
    text = f"{RULE}\ntests:\n  - {test}\n"
    before = text.partition("^")[0]
    line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
    assert messages(tmp_path, segments__big=text.replace("^", ""), sql__raw=RAW) == [
        f"big.yml:{line}:{column}: {message}"
    ]


def test_mistakes_in_a_sql_segment_are_found_in_its_comment(tmp_path: Path) -> None:
    tests = "tests:\n  - {name: x, as_of: 2026-03-01, models: {stg_raw: []}, segments: {te: []}, members: [1]}\n"
    raw = f"/*\n{tests}*/\n{RAW}"
    assert messages(tmp_path, sql__raw=raw) == [
        "raw.sql:3:68: raw does not refer to segment te; it refers to tea",
        "raw.sql:3:87: there is no contact 1; each contact has a row under contacts",
    ]


def test_values_of_a_model_that_the_catalog_knows_have_its_types(tmp_path: Path) -> None:
    query = "select contact_id from {{ ref('stg_orders') }} where total > 5\n"
    tests = (
        "tests:\n  - {name: x, as_of: 2026-03-01, models: {stg_orders: [{total: much, discount: 5}]}, members: []}\n"
    )
    assert messages(tmp_path, sql__raw=f"/*\n{tests}*/\n{query}") == [
        "raw.sql:3:64: total takes a number, not the text 'much'"
    ]
