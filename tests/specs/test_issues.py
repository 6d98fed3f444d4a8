# ruff: noqa: E501 (tables: one case per line)
"""Mistakes of shape: one wrong line each, and the whole message that it gives."""

from __future__ import annotations

from pathlib import Path

import pytest

from segflow.specs.steps import STEP_KEYS
from tests.specs.helpers import messages

CONDITIONS = {
    "unknown operator": ("{attribute: city, iss: x}", "1:26: unknown key iss (did you mean is?)"),
    "no operator": ("{attribute: city}", "1:8: a condition takes exactly one operator, found none; combine several with all:"),
    "null operator": ("{attribute: city, is: }", "1:26: is has no value; give one or remove the key"),
    "two leaves": (
        "{attribute: city, tag: x}",
        "1:26: a condition has one of attribute, tag, not several; put each in an item of its own, under all: or any:",
    ),
    "misspelt group": ("{nott: {tag: vip}}", "1:9: unknown key nott (did you mean not?)"),
    "list without all": ("[{tag: vip}]", "1:8: a list is not a condition: write all: (or any:) above it"),
    "empty group": ("{all: []}", "1:14: all needs at least 1 item"),
    "everyone false": ("{everyone: false}", "1:19: everyone cannot be false: expected true"),
    "one bound": ("{attribute: age, between: [1]}", "1:34: between needs at least 2 items"),
    "number as text": ("{attribute: city, contains: 5}", "1:36: contains must be a text, not the number 5; put it in quotes"),
    "is_set: yes": ("{attribute: city, is_set: yes}", "1:34: is_set must be true or false, not the text 'yes'"),
    "list for is": ("{attribute: city, is: [a]}", "1:30: expected one value: a text, a number, true or false"),
    "scalar for in": ("{attribute: city, in: a}", "1:30: in must be a list, not the text 'a'"),
    "count of a word": ("{event: review, count: many}", "1:31: count must be a number or bounds like {gte: 1}, not the text 'many'"),
    "count without bounds": ("{event: review, count: {}}", "1:31: give a number, or bounds like {gte: 1} (is, gt, gte, lt, lte, between)"),
    "sum of nothing": ("{event: review, sum: 5}", "1:29: name what is measured: property: for events, field: for objects"),
    "two aggregates": (
        "{event: review, count: 1, sum: {property: stars, gte: 1}}",
        "1:8: one aggregate per condition, found count, sum; combine several with all:",
    ),
    "two windows": ("{event: review, within_last: 1 day, since: 2026-01-01}", "1:8: one window per condition, found within_last, since/until"),
    "window of days": ("{event: review, within_last: 1 day, days: {of_last: 3, gte: 1}}", "1:8: days says which time it is about; remove within_last"),
    "window of stopped": ("{event: review, until: 2026-01-01, stopped: 3 days}", "1:8: stopped says which time it is about; remove until"),
    "two new aggregates": ("{event: review, stopped: 3 days, last_time: {is_set: true}}", "1:8: one aggregate per condition, found last_time, stopped; combine several with all:"),
    "days of what": ("{event: review, days: {gte: 3}}", "1:30: of_last is missing"),
    "days without bounds": ("{event: review, days: {of_last: 3}}", "1:30: give bounds like gte: 5 (is, gt, gte, lt, lte, between)"),
    "too many days": ("{event: review, days: {of_last: 999, is: 1}}", "1:40: of_last must be less than or equal to 366"),
    "no time": ("{event: review, last_time: 3 days}", "1:35: last_time must be a mapping with keys like is, is_not, in, not_in, not the text '3 days'"),
    "attribute in an event": (
        "{event: review, where: {attribute: stars, is: 1}}",
        "1:32: attribute does not work here: use property (events) or field",
    ),
    "bad id": ("{segment: Tea-Lovers}", "1:18: segment: 'Tea-Lovers' is not a name: use lower-case letters, digits and _, "
               "starting with a letter (did you mean tea_lovers?)"),
    "anniversary": ("{attribute: born, anniversary: tomorrow}", "1:39: anniversary cannot be the text 'tomorrow': expected today"),
    "bucket": ("{bucket: {percent: 10}}", "1:17: bucket must be a text, not a mapping"),
    "message kind": ("{message: openned}", "1:18: message cannot be the text 'openned': expected sent, delivered, opened, clicked, bounced, replied, complained or unsubscribed (did you mean opened?)"),
    "message channel": ("{message: opened, channel: fax}", "1:35: channel cannot be the text 'fax': expected email, sms, whatsapp, webhook, notify or task"),
    "held_for": ("{attribute: city, is: x, held_for: 3 days}", "1:43: held_for must be a mapping with keys like gt, gte, lt, lte, not the text '3 days'"),
}  # fmt: skip


@pytest.mark.parametrize(("condition", "expected"), CONDITIONS.values(), ids=CONDITIONS)
def test_conditions(tmp_path: Path, condition: str, expected: str) -> None:
    assert messages(tmp_path, segments__x=f"where: {condition}\n") == [f"x.yml:{expected}"]


FLOWS = {
    "status": ("status: activ", "1:9: status cannot be the text 'activ': expected draft, active, paused or archived (did you mean active?)"),
    "on_archive": ("on_archive: finish", "1:13: on_archive cannot be the text 'finish': expected end or drain"),
    "max_lateness": ("max_lateness: soon", "1:15: 'soon' is not a duration: write a number and a unit, like 30 days (seconds, minutes, hours, days, weeks, months, quarters or years)"),
    "allow_loop": ("allow_loop: maybe", "1:13: allow_loop must be true or false, not the text 'maybe'"),
    "restart_when": ("restart_when: {event: purchase}", "1:15: restart_when must be a list, not a mapping"),
    "max_enrollments": ("max_enrollments: 0", "1:18: max_enrollments must be greater than or equal to 1"),
    "not_within": ("not_within: welcome", "1:13: not_within must be like {flow: welcome, days: 7}, or a list of such"),
    "not_within without a span": ("not_within: {flow: welcome}", "1:13: give either days: 7 or last: 2 weeks"),
    "not_within in hours": ("not_within: {flow: welcome, days: 7 hours}", "1:35: days must be a whole number, not the text '7 hours'"),
    "holdout": ("holdout: 10", "1:10: '10' is not a share: write a percentage like 10%, with at most two decimals"),
    "holdout of all": ("holdout: 100%", "1:10: '100%' leaves nobody on one side: write more than 0% and less than 100%"),
    "priority": ("priority: high", "1:11: priority must be a whole number, not the text 'high'"),
    "reentry": ("reentry: sometimes", "1:10: reentry cannot be the text 'sometimes': expected never, always, after_exit: or after_entry:"),
    "reentry number": ("reentry: 5", "1:10: not a re-entry rule: the number 5; expected never, always, {after_exit: 7 days} or {after_entry: 30 days}"),
    "exit_when": ("exit_when: {exits: tea}", "1:12: exit_when must be a list, not a mapping"),
}  # fmt: skip


@pytest.mark.parametrize(("line", "expected"), FLOWS.values(), ids=FLOWS)
def test_flow_keys(tmp_path: Path, line: str, expected: str) -> None:
    flow = f"{line}\ntrigger: {{enters: tea}}\nsteps: [{{id: a, wait: 1 day}}]\n"
    assert messages(tmp_path, flows__x=flow) == [f"x.yml:{expected}"]


STEPS = {
    "no id": ("wait: 1 day", "3:3: id is missing: every step needs one (segflow fmt writes it)"),
    "two kinds": ("id: a, wait: 1 day, exit: true", "3:24: a step has one of wait, exit, not several; make each a step of its own"),
    "misspelt": ("id: a, send_emial: {template: x}", "3:11: unknown key send_emial (did you mean send_email?)"),
    "nothing": ("id: a", f"3:3: a step needs one of {', '.join(STEP_KEYS)}"),
    "wait number": ("id: a, wait: 3", "3:17: wait must be a duration like 3 days, not the number 3"),
    "wait misspelt": ("id: a, wait: {fr: 3 days}", "3:18: unknown key fr (did you mean for?)"),
    "exit number": ("id: a, exit: 5", "3:17: exit must be true, or a few words that say why"),
    "notify": ("id: a, notify: {to: x}", "3:19: text is missing"),
    "delete": ("id: a, delete_contact: yes please", "3:27: delete_contact cannot be the text 'yes please': expected true"),
    "delete nobody": ("id: a, delete_contact: false", "3:27: delete_contact cannot be false: expected true"),
    "wait until a text": ("id: a, wait: {until: '09:00'}", "3:25: until takes a time ({time: \"09:00\"}), a date ({date: ATTRIBUTE}) or a condition"),
    "wait for and until": ("id: a, wait: {for: 1 day, until: {time: '09:00'}}", "3:17: give either for: or until:"),
    "wait time": ("id: a, wait: {until: {time: '25:00'}}", "3:32: '25:00' is not a time of the day: write it like 09:00, from 00:00 to 23:59"),
    "wait days": ("id: a, wait: {until: {time: '09:00', days: [mun]}}", "3:47: 'mun' is not a day of the week (did you mean sun?): write mon, tue, wed, thu, fri, sat or sun, or a range like mon-fri"),
    "jitter of a condition": ("id: a, wait: {until: {tag: vip}, jitter: 1 hour}", "3:17: jitter goes with for: and with until: {time: ...}"),
    "jitter in months": ("id: a, wait: {for: 1 day, jitter: 1 month}", "3:17: jitter is a span like 2 hours, in seconds to weeks"),
    "timeout of a span": ("id: a, wait: {for: 1 day, timeout: 2 days}", "3:17: timeout goes with until: a condition or {date: ...}; others end anyway"),
    "ways without a timeout": ("id: a, wait: {until: {tag: vip}, then: [{id: b, exit: true}]}", "3:17: then: and timed_out: are ways that part at a timeout; give timeout:"),
    "offset": ("id: a, wait: {until: {date: born, offset: soon}}", "3:46: 'soon' is not a duration: write a number and a unit, like 30 days (seconds, minutes, hours, days, weeks, months, quarters or years)"),
    "switch without cases": ("id: a, switch: {cases: []}", "3:27: cases needs at least 1 item"),
    "split of one": ("id: a, split: [{name: a}]", "3:18: split needs at least 2 items"),
    "weight": ("id: a, split: [{name: a, weight: 0, steps: [{id: b, exit: true}]}, {name: b}]", "3:37: a weight is a number above 0, not 0"),
    "skip_after": ("id: a, exit: true, skip_after: tomorrow", "3:35: 'tomorrow' is no day or time; write it like 2026-05-01 or 2026-05-01T18:00:00Z"),
    "skip_after of both": ("id: a, exit: true, skip_after: {trigger: x, attribute: y}", "3:35: give one of trigger: FIELD and attribute: NAME"),
    "window": ("id: a, send_sms: {text: x}, window: {from: '09:00'}", "3:40: to is missing"),
    "window of no message": ("id: a, wait: 1 day, window: {from: '09:00', to: '10:00'}", "3:24: unknown key window; known here: id, description, skip_after, wait"),
    "on_failure": ("id: a, send_sms: {text: x}, on_failure: stop", "3:44: on_failure cannot be the text 'stop': expected continue or end"),
    "enter_flow": ("id: a, enter_flow: 5", "3:23: enter_flow must be a text, not the number 5; put it in quotes"),
    "no subject": ("id: a, send_email: {text: x}", "3:23: subject: is missing"),
    "no content": ("id: a, send_sms: {}", "3:21: give either text: or template:"),
    "nothing to update": ("id: a, update_contact: {}", "3:27: update_contact needs at least 1 item"),
}  # fmt: skip


@pytest.mark.parametrize(("step", "expected"), STEPS.values(), ids=STEPS)
def test_steps(tmp_path: Path, step: str, expected: str) -> None:
    flow = f"trigger: {{enters: tea}}\nsteps:\n- {{{step}}}\n"
    assert messages(tmp_path, flows__x=flow) == [f"x.yml:{expected}"]


TRIGGERS = {
    "both": ("{enters: tea, exits: tea}", "1:24: a trigger has one of enters, exits, not several"),
    "misspelt": ("{enter: tea}", "1:11: unknown key enter (did you mean enters?)"),
    "word": (
        "tea",
        "1:10: expected a trigger (a mapping with one of enters, exits, every_day_at, date, broadcast, manual, event, any), not the text 'tea'",
    ),
}


@pytest.mark.parametrize(("trigger", "expected"), TRIGGERS.values(), ids=TRIGGERS)
def test_triggers(tmp_path: Path, trigger: str, expected: str) -> None:
    flow = f"trigger: {trigger}\nsteps: [{{id: a, wait: 1 day}}]\n"
    assert messages(tmp_path, flows__x=flow) == [f"x.yml:{expected}"]


def test_the_other_mistakes_of_a_flow_with_a_wrong_trigger_are_reported_too(tmp_path: Path) -> None:
    flow = "trigger: {enter: tea}\nsteps: [{wait: 1 day}, {id: a, add_to_list: x}, {id: a, exit: true}]\n"
    assert messages(tmp_path, flows__x=flow) == [
        "x.yml:1:11: unknown key enter (did you mean enters?)",
        "x.yml:2:9: id is missing: every step needs one (segflow fmt writes it)",
        "x.yml:2:54: step id a is there already, on line 2; each step needs its own",
    ]


WHOLE_FILES = {
    "empty": ("", "1:1: the file is empty"),
    "list": ("- a\n", "1:1: the file must hold a mapping (key: value), not a list"),
    "no where": ("description: x\n", "1:1: where is missing"),
}


@pytest.mark.parametrize(("text", "expected"), WHOLE_FILES.values(), ids=WHOLE_FILES)
def test_whole_files(tmp_path: Path, text: str, expected: str) -> None:
    assert messages(tmp_path, segments__x=text) == [f"x.yml:{expected}"]
