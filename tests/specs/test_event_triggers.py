# ruff: noqa: E501 (tables: one case per line)
"""Flows that events trigger: the event, what conditions and templates ask of it, what the catalog says of its rows."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.specs.helpers import CATALOG, messages

STEPS = "steps: [{id: a, wait: 1 day}]\n"
TRIGGERS = {
    "event": ("{event: purchse}", "18: there is no event purchse (did you mean purchase?)"),
    "property": ("{event: purchase, where: {property: amunt, gt: 5}}", "46: there is no property of event purchase called amunt (did you mean amount?)"),
    "a text for a number": ("{event: purchase, where: {any: [{property: amount, gt: '5'}]}}", "65: amount takes a number, not the text '5': write it without quotes"),
    "field": ("{event: purchase, where: {field: amount, gt: 5}}", "36: field: is for objects; here write property:"),
    "a window": ("{event: purchase, within_last: 3 days}", "28: unknown key within_last; known here: event, where"),
    "twice": ("{any: [{event: purchase}, {event: purchase}]}", "44: event purchase is given twice"),
    "two in one": ("{event: purchase, enters: tea}", "28: a trigger has one of event, enters, not several"),
}  # fmt: skip


@pytest.mark.parametrize(("trigger", "expected"), TRIGGERS.values(), ids=TRIGGERS)
def test_triggers(tmp_path: Path, trigger: str, expected: str) -> None:
    assert messages(tmp_path, flows__x=f"trigger: {trigger}\n{STEPS}") == [f"x.yml:1:{expected}"]


CONDITIONS = {
    "property": ("{event: purchase}", "{trigger: amunt, gt: 5}", "23: there is no property of event purchase called amunt (did you mean amount?)"),
    "property of several": ("{any: [{event: purchase}, {event: review}]}", "{trigger: strs, gt: 5}", "23: there is no property of the events that trigger this flow called strs (did you mean stars?)"),
    "of two types": ("{any: [{event: page_view}, {event: review}]}", "{trigger: length, gt: 5}", "23: property length has not one type in all events that trigger this flow: text in page_view, number in review"),
    "type": ("{event: purchase}", "{trigger: amount, is: abc}", "35: amount takes a number, not the text 'abc'"),
    "operator": ("{event: purchase}", "{trigger: amount, contains: a}", "31: contains does not work on amount, which is a number"),
    "other attribute": ("{event: purchase}", "{trigger: amount, gt: {attribute: city}}", "47: amount is a number and city a text: gt cannot compare them"),
    "no event": ("{enters: tea}", "{trigger: amount, gt: 5}", "14: trigger is about the event that enrolled the contact; no event triggers this flow"),
    "no crossing": ("{event: purchase}", "{crossing: cause, is: data}", "14: crossing is about the crossing that enrolled the contact; no segment triggers this flow"),
    "since of no event": ("{enters: tea}", "{event: purchase, since: trigger}", "38: since: trigger is the time of the event that enrolled; no event triggers this flow: write enrollment"),
    "since something like it": ("{event: review}", "{event: purchase, since: triger}", "38: since: there is no step triger in this flow (did you mean trigger?); write a date, enrollment, last_tick or a step's id"),
}  # fmt: skip


@pytest.mark.parametrize(("trigger", "condition", "expected"), CONDITIONS.values(), ids=CONDITIONS)
def test_conditions(tmp_path: Path, trigger: str, condition: str, expected: str) -> None:
    catalog = CATALOG.replace("{url: text}", "{url: text, length: text}").replace(
        "{stars: number}", "{stars: number, length: number}"
    )
    flow = f"trigger: {trigger}\nexit_when: [{condition}]\n{STEPS}"
    assert messages(tmp_path, segments__catalog=catalog, flows__x=flow) == [f"x.yml:2:{expected}"]


def test_since_trigger_is_no_step(tmp_path: Path) -> None:
    flow = "trigger: {event: purchase}\nwhere: {event: review, since: trigger}\nsteps: [{id: trigger, exit_when: x}]\n"
    flow = flow.replace("exit_when: x", "wait: 1 day") + "exit_when: [{event: review, since: trigger}]\n"
    assert messages(tmp_path, flows__x=flow) == [
        "x.yml:4:36: since: trigger has a meaning of its own, and is a step of this flow, too; give the step another id"
    ]


TEXTS = {
    "property": ("{event: purchase}", "{{ event.amunt }}", "event.amunt: no event that triggers this flow has a property amunt (did you mean amount?)"),
    "property of another": ("{event: review}", "{{ event.amount|default(1) }}", "event.amount: no event that triggers this flow has a property amount"),
    "no event": ("{enters: tea}", "{% if event %}x{% endif %}", "event is the event that enrolled the contact; no event triggers this flow"),
    "no crossing": ("{event: purchase}", "{{ crossing.cause }}", "crossing is the crossing that enrolled the contact; no crossing triggers this flow"),
    "no segment": ("{event: purchase}", "{{ segment.name }}", "segment is the segment that enrolled the contact; none triggers this flow"),
    "no part of a value": ("{event: purchase}", "{{ event.at.yaer }}", "event.at.yaer: no value has yaer (did you mean year?)"),
}  # fmt: skip


@pytest.mark.parametrize(("trigger", "text", "expected"), TEXTS.values(), ids=TEXTS)
def test_texts(tmp_path: Path, trigger: str, text: str, expected: str) -> None:
    flow = f'trigger: {trigger}\nsteps: [{{id: a, send_sms: {{text: "{text}"}}}}]\n'
    assert messages(tmp_path, flows__x=flow) == [f"x.yml:2:34: {expected}"]


def test_a_template_is_held_against_the_flows_that_use_it(tmp_path: Path) -> None:
    step = "steps: [{id: a, send_sms: {template: thanks}}]\n"
    files = {
        "templates__thanks": "{{ event.amount }}",
        "flows__y": f"trigger: {{any: [{{event: purchase}}, {{enters: tea}}]}}\n{step}",
    }
    assert messages(tmp_path, **files) == []
    assert messages(tmp_path, **files, flows__x=f"trigger: {{enters: tea}}\n{step}") == [
        "thanks.txt:1:1: event is the event that enrolled the contact; no event triggers flow x, which uses this template"
    ]


CATALOGS = {
    "id of the contact": ("id: contact_id", "9: contact_id is the contact, time or name column; an id is different in each row"),
    "months": ("late_by: 1 month", "14: late_by takes an exact time like 3 days, not 1 month: months are not equally long"),
    "too long": ("late_by: 400 days", "14: 400 days is too long to look back in each tick: give 366 days at most"),
    "no time": ("late_by: soon", "14: 'soon' is not a duration: write a number and a unit, like 30 days (seconds, minutes, hours, days, weeks, months, quarters or years)"),
    "misspelt": ("late: 3 days", "5: unknown key late"),
}  # fmt: skip


@pytest.mark.parametrize(("line", "expected"), CATALOGS.values(), ids=CATALOGS)
def test_catalogs(tmp_path: Path, line: str, expected: str) -> None:
    catalog = CATALOG.replace("    event: review\n", f"    event: review\n    {line}\n")
    number = catalog[: catalog.index(f"    {line}\n")].count("\n") + 1
    (found,) = messages(tmp_path, segments__catalog=catalog)
    assert found.startswith(f"catalog.yml:{number}:{expected}")


def test_an_id_and_a_lateness_of_nothing_are_fine(tmp_path: Path) -> None:
    catalog = CATALOG.replace("    event: review\n", "    event: review\n    id: review_id\n    late_by: 0 hours\n")
    assert messages(tmp_path, segments__catalog=catalog, flows__x=f"trigger: {{event: review}}\n{STEPS}") == []
