# ruff: noqa: E501 (tables: one case per line)
"""Mistakes that only show against the catalog, the other files, the settings."""

from __future__ import annotations

from pathlib import Path

import pytest

from segflow.senders import kinds
from tests.specs.helpers import CATALOG, messages

CONDITIONS = {
    "attribute": ("{attribute: cty, is: x}", "20: there is no attribute cty (did you mean city?)"),
    "event": ("{event: purchse}", "16: there is no event purchse (did you mean purchase?)"),
    "object": ("{object: ordr}", "17: there is no object ordr (did you mean order?)"),
    "property": ("{event: review, where: {property: star, is: 1}}", "42: there is no property of event review called star (did you mean stars?)"),
    "field": ("{object: order, where: {any: [{field: sttus, is: x}]}}", "46: there is no field of object order called sttus (did you mean status?)"),
    "field of an event": ("{event: review, where: {field: stars, is: 1}}", "32: field: is for objects; here write property:"),
    "property of an object": ("{object: order, max: {property: total, gt: 1}}", "30: property: is for events; here write field:"),
    "tag": ("{tag: vpi}", "14: there is no tag vpi (did you mean vip?)"),
    "segment": ("{segment: tee}", "18: there is no segment tee (did you mean tea?)"),
    "text operator on a number": ("{attribute: age, contains: '5'}", "25: contains does not work on age, which is a number"),
    "gt on a boolean": ("{attribute: subscribed, gt: 1}", "32: gt does not work on subscribed, which is a boolean; write is: true or is: false"),
    "before on a number": ("{attribute: age, before: '5'}", "25: before does not work on age, which is a number; write gt:, lt: or is:"),
    "within_last on a text": ("{attribute: city, within_last: 3 days}", "26: within_last does not work on city, which is a text"),
    "anniversary of a number": ("{attribute: age, anniversary: today}", "25: anniversary does not work on age, which is a number"),
    "number for a text": ("{attribute: city, is: 5}", "30: city takes a text (in quotes), not the number 5: put it in quotes, '5'"),
    "boolean for a text": ("{attribute: city, is: true}", "30: city takes a text (in quotes), not true: put it in quotes, 'true'"),
    "text for a number": ("{attribute: age, is: abc}", "29: age takes a number, not the text 'abc'"),
    "quoted number": ("{attribute: age, is: '5'}", "29: age takes a number, not the text '5': write it without quotes"),
    "one of a list": ("{attribute: age, in: [1, x]}", "33: age takes a number, not the text 'x'"),
    "yes": ("{attribute: subscribed, is: yes}", "36: subscribed takes true or false, not the text 'yes': write true without quotes"),
    "no such day": ("{attribute: born, on: 2026-02-30}", "30: born takes a date like 2026-01-31, today, or a day like {ago: 2 days}, not the text '2026-02-30'"),
    "time for a date": ("{attribute: born, before: '2026-02-01T10:00:00Z'}", "34: born takes a date like 2026-01-31, today, or a day like {ago: 2 days}, not the text '2026-02-01T10:00:00Z'"),
    "hours of a date": ("{attribute: born, within_last: 5 hours}", "39: 5 hours does not fit a date: write whole days, weeks, months or years"),
    "high to low": ("{attribute: age, between: [5, 1]}", "34: between goes from low to high: 5 is more than 1"),
    "dates high to low": ("{attribute: born, between: [2026-01-02, 2026-01-01]}", "35: between goes from low to high: 2026-01-02 is more than 2026-01-01"),
    "count high to low": ("{event: review, count: {between: [5, 1]}}", "41: between goes from low to high: 5 is more than 1"),
    "look-ahead": ("{attribute: city, matches: '(?=x)'}", "35: '(?=x)' is not a regular expression: invalid perl operator: (?="),
    "open bracket": ("{attribute: city, matches: '[a'}", "35: '[a' is not a regular expression: missing ]: [a"),
    "case of a number": ("{attribute: age, is: 5, ignore_case: true}", "32: ignore_case is for comparing texts; age is a number"),
    "case of is_set": ("{attribute: city, is_set: true, ignore_case: true}", "40: ignore_case is for comparing texts; is_set has no case"),
    "old word": ("{attribute: city, is: x, case_insensitive: true}", "33: case_insensitive is called ignore_case now"),
    "is_not_set takes true only": ("{attribute: city, is_not_set: false}", "38: is_not_set cannot be false: expected true"),
    "added as a number": ("{list: news, added: {gte: 5}}", "34: added takes a date or time like 2026-01-31T09:00:00Z, not the number 5"),
    "status of lists that have none": ("{list: news, status: subscribed}", "21: nothing says how contacts stand on lists: give lists a status in the catalog"),
    "status of a tag": ("{tag: vip, status: subscribed}", "19: unknown key status; known here: added, tag"),
    "an unknown status": ("{list: news, status: subscribd}", "29: status cannot be the text 'subscribd': expected subscribed, unsubscribed or pending (did you mean subscribed?)"),
    "an unknown status of several": ("{list: news, status: [pending, cleaned]}", "39: an item of status cannot be the text 'cleaned': expected subscribed, unsubscribed or pending"),
    "no status of several": ("{list: news, status: []}", "29: status needs at least 1 item"),
    "added as a text": ("{any_list: true, added: {contains: x}}", "33: contains does not work on added, which is a timestamp"),
    "any_list false": ("{any_list: false}", "19: any_list cannot be false: expected true"),
    "percent of what": ("{bucket: x}", "8: give either percent: 10 or between: [0, 10]"),
    "percent and between": ("{bucket: x, percent: 1, between: [0, 1]}", "8: give either percent: 10 or between: [0, 10]"),
    "percent over 100": ("{bucket: x, percent: 101}", "29: 101 is no percentage: write 0 to 100"),
    "percent too fine": ("{bucket: x, between: [0, 0.125]}", "33: 0.125 is too fine: percentages have at most two decimals"),
    "bucket high to low": ("{bucket: x, between: [20, 10]}", "29: between goes from low to high: 20 is not less than 10"),
    "bucket without salt": ("{bucket: '', percent: 10}", "17: bucket: the text is empty"),
    "no consent": ("{consent: sms}", "18: nothing says who may get sms: give contacts.channels.sms a consent attribute in the catalog"),
    "consent of what": ("{consent: emial}", "18: consent cannot be the text 'emial': expected email, sms or whatsapp (did you mean email?)"),
    "fraction of a whole number": ("{attribute: children, is: 1.5}", "34: children takes a whole number, not the number 1.5"),
    "is on a list of texts": ("{attribute: hobbies, is: tea}", "29: is does not work on hobbies, which is a list_of_text; write contains: (one text) or in: (any of several)"),
    "number in a list of texts": ("{attribute: hobbies, in: [tea, 5]}", "39: hobbies takes a text (in quotes), not the number 5: put it in quotes, '5'"),
    "no other attribute": ("{attribute: city, is_not: {attribute: twon}}", "46: there is no attribute twon (did you mean town?)"),
    "another type": ("{attribute: city, is: {attribute: age}}", "42: city is a text and age a number: is cannot compare them"),
    "day and time": ("{attribute: seen, gt: {attribute: born}}", "42: seen is a timestamp and born a date: gt cannot compare them"),
    "against the property": ("{event: review, where: {property: stars, is: {attribute: age}}}", "65: only attributes of contacts can be compared with an attribute; stars takes a value here"),
    "against something else": ("{attribute: city, is: {atribute: town}}", "30: expected one value, or an attribute to compare with: {attribute: NAME}"),
    "case of an age": ("{attribute: age, lt: {attribute: children}, ignore_case: true}", "52: ignore_case is for comparing texts; age is a number"),
    "list as a measure": ("{event: purchase, last: {property: labels, contains: x}}", "43: last needs one value per row; labels is a list_of_text"),
    "sql: no such column": ("{sql: lower(cty) like 'lon%'}", "20: there is no attribute cty (did you mean city?)"),
    "sql: quoted": ('{sql: "age > 1 and lower(cty) = \'a\'"}', "33: there is no attribute cty (did you mean city?)"),
    "sql: escaped": ('{sql: "\\x61ge + cty > 1"}', "14: line 1, column 7 of it: there is no attribute cty (did you mean city?)"),
    "sql: another table": ("{sql: orders.total > 1}", "14: orders.total: a sql condition sees the columns of contacts only"),
    "sql: no boolean": ("{sql: age + 1}", "14: a sql condition is true or false; this is of type DOUBLE"),
    "sql: wrong types": ("{sql: born > 5}", "14: this cannot be evaluated: Cannot compare values of type DATE and type INTEGER_LITERAL - an explicit cast is required"),
    "sql: a query": ("{sql: age > (select 1)}", "28: a sql condition cannot hold a query; use a .sql segment for that"),
    "sql: an aggregate": ("{sql: max(age) > 1}", "18: a sql condition is about one contact, without aggregates and windows"),
    "sql: two expressions": ("{sql: age > 1) or (age < 5}", "14: a sql condition is one expression, like lower(city) like 'lon%'"),
    "sql: reads a file": ("{sql: read_text('/etc/passwd') is null}", "14: the function read_text is not allowed in a segment"),
    "sql: the clock": ("{sql: seen > now()}", "21: now() is the clock of the machine: use {{ as_of() }}, the tick's time"),
    "sql: a template": ("{sql: 'seen > {{ as_of() }}'}", "15: a sql condition is no template: it sees the columns of contacts only, and no {{ ref() }} or time"),
    "sql: not valid": ("{sql: age >}", "18: this is not valid SQL: something is missing at its end"),
    "held_for without a bound": ("{attribute: city, is: x, held_for: {}}", "43: give bounds like gte: 30 days (gt, gte, lt, lte)"),
    "held_for without time": ("{attribute: city, is: x, held_for: {gte: 0 days}}", "49: 0 days is no time at all"),
    "sum of texts": ("{event: purchase, sum: {property: category, gt: 1}}", "42: sum needs a number; category is a text"),
    "last with a wrong type": ("{event: purchase, last: {property: amount, is: x}}", "55: amount takes a number, not the text 'x'"),
    "window without created_at": ("{object: item, within_last: 3 days}", "23: within_last needs to know when a row was made: give object item a created_at in the catalog"),
    "calendar window without created_at": ("{object: item, within: {this: week}}", "23: within needs to know when a row was made: give object item a created_at in the catalog"),
    "a window in the future": ("{event: review, within: {next: week}}", "39: nothing later than now is ever seen, so there is nothing in it: write this: or last:"),
    "two windows": ("{event: review, within: {this: week}, within_last: 7 days}", "8: one window per condition, found within_last, within"),
    "within on a text": ("{attribute: city, within: {this: week}}", "26: within does not work on city, which is a text"),
    "a unit that is none": ("{attribute: seen, within: {this: weak}}", "41: this cannot be the text 'weak': expected day, week, month, quarter or year (did you mean week?)"),
    "units that are none": ("{attribute: seen, within: {last: 7 dayz}}", "41: '7 dayz' is no part of the calendar (did you mean day?): write day, week, month, quarter or year, or a number of them, like 7 days"),
    "hours of the calendar": ("{attribute: seen, within: {last: 12 hours}}", "41: '12 hours' is no part of the calendar: write day, week, month, quarter or year, or a number of them, like 7 days"),
    "two periods": ("{attribute: seen, within: {last: week, this: week}}", "34: a period is one of {this: week}, {last: month} and {next: 7 days}: give exactly one"),
    "another period": ("{attribute: seen, within: {lst: week}}", "35: unknown key lst (did you mean last?)"),
    "a day that is none": ("{attribute: seen, before: yesterdya}", "34: seen takes a date or time like 2026-01-31T09:00:00Z, today, or a day like {ago: 2 days}, not the text 'yesterdya' (did you mean yesterday?)"),
    "a day ago in hours": ("{attribute: seen, before: {ago: 5 hours}}", "40: ago counts whole days, weeks, months or years; for a time of day write not_within_last: 5 hours"),
    "a day ago and ahead": ("{attribute: seen, on: {ago: 1 day, ahead: 1 day}}", "30: a day is {ago: 2 days} or {ahead: 2 days}: give one of them"),
    "another day": ("{attribute: seen, on: {before: 1 day}}", "30: expected a date, a day like {ago: 2 days}, or an attribute to compare with: {attribute: NAME}"),
    "since another day": ("{event: review, since: todya}", "31: since: there is no day todya (did you mean today?)"),
    "until another day": ("{event: review, until: todya}", "31: until takes a date or time like 2026-01-31T09:00:00Z, or a day like {ago: 2 days} or yesterday, not 'todya' (did you mean today?)"),
    "since hours ago": ("{event: review, since: {ago: 5 hours}}", "37: ago counts whole days, weeks, months or years; for a time of day write not_within_last: 5 hours"),
    "no window": ("{event: review, within_last: 0 days}", "37: 0 days is no time at all"),
    "endless window": ("{event: review, within_last: 5000 years}", "37: 5000 years is longer than 1000 years"),
    "empty window": ("{event: review, since: 2026-02-01, until: 2026-01-01}", "50: the window is empty: until 2026-01-01 is not after since 2026-02-01"),
    "between two spans": ("{event: review, within_last: 30 days, not_within_last: 1 month}", "37: the window is empty: within_last 30 days must be longer than not_within_last 1 month"),
    "sometimes between": ("{event: review, within_last: 1 month, not_within_last: 30 days}", "37: the window is empty: within_last 1 month must be longer than not_within_last 30 days"),
    "time of a row": ("{event: review, last_time: {gte: 5}}", "41: the last time takes a date or time like 2026-01-31T09:00:00Z, not the number 5"),
    "text of a time": ("{event: review, first_time: {contains: x}}", "37: contains does not work on the first time, which is a timestamp"),
    "time without created_at": ("{object: item, last_time: {within_last: 3 days}}", "23: last_time needs to know when a row was made: give object item a created_at in the catalog"),
    "days without created_at": ("{object: item, days: {of_last: 3, gte: 1}}", "23: days needs to know when a row was made: give object item a created_at in the catalog"),
    "days high to low": ("{event: review, days: {of_last: 9, between: [5, 1]}}", "52: between goes from low to high: 5 is more than 1"),
    "no time at all": ("{event: review, stopped: 0 days}", "33: 0 days is no time at all"),
    "prefix": ("{event_prefix: shp_}", "23: the catalog has no event whose name begins with shp_; known: page_view, purchase, review"),
    "property of some": ("{event_prefix: p, where: {property: url, is: x}}", "44: not all of these events have a property url: purchase has none"),
    "property of none": ("{any_event: true, where: {property: urk, is: x}}", "44: there is no property of any event called urk"),
    "following event": ("{event: review, followed_by: {event: purchse, within: 1 day}}", "45: there is no event purchse (did you mean purchase?)"),
    "following property": ("{event: review, followed_by: {event: purchase, where: {property: amunt, is: 1}, within: 1 day}}", "73: there is no property of event purchase called amunt (did you mean amount?)"),
    "following months": ("{event: review, not_followed_by: {event: purchase, within: 1 month}}", "67: within takes an exact time like 30 days, not 1 month: months are not equally long"),
    "end of a chain": ("{event: review, followed_by: {event: purchase, within: 1 day, followed_by: {event: review, within: 0 days}}}", "107: 0 days is no time at all"),
    "field above": ("{object: item, where: {field: sttus, of: order, is: x}}", "38: there is no field of object order called sttus (did you mean status?)"),
    "object above": ("{object: item, where: {field: status, of: ordr, is: x}}", "50: ordr is no object above item (item -> order -> contact) (did you mean order?)"),
    "own field above": ("{object: order, where: {field: status, of: order, is: x}}", "51: order is no object above order (order -> contact)"),
    "of an event": ("{event: review, where: {field: stars, of: order, is: 1}}", "46: of: is for objects; events belong to contacts themselves"),
    "type above": ("{object: item, where: {field: total, of: order, contains: x}}", "56: contains does not work on total, which is a number"),
    "no instant": ("{event: review, until: soon!}", "31: until takes a date or time like 2026-01-31T09:00:00Z, or a day like {ago: 2 days} or yesterday, not 'soon!'"),
    "until enrollment": ("{event: review, until: enrollment}", "31: until takes a date or time; what happened before the enrollment cannot be asked yet"),
    "since last_tick": ("{event: review, since: last_tick}", "31: since: last_tick is about an enrollment: it works in flows only; a segment is about what is true now"),
    "since no date": ("{event: review, since: soon!}", "31: since takes a date or time like 2026-01-31T09:00:00Z (or enrollment, trigger, last_tick or a step's id, in a flow), not 'soon!'"),
    "message of a flow": ("{message: opened, flow: helo}", "32: there is no flow helo (did you mean hello?)"),
    "message of a step": ("{message: opened, flow: hello, step: helo}", "45: there is no step of flow hello called helo (did you mean hello?)"),
    "message of a step of none": ("{message: opened, step: hello}", "26: a step without flow: is about an enrollment: it works in flows only; a segment is about what is true now; name the flow"),
    "message on another channel": ("{message: opened, flow: hello, step: hello, channel: sms}", "61: step hello sends email, not sms"),
    "messages high to low": ("{message: opened, count: {between: [2, 1]}}", "43: between goes from low to high: 2 is more than 1"),
    "messages measure nothing": ("{message: opened, sum: {property: amount, gte: 1}}", "8: sum looks at a value of each row, and messages have none; write count, first_time, last_time, days, weeks, months, stopped, restarted"),
    "messages first time": ("{message: opened, first_time: {is: soon}}", "43: the first time takes a date or time like 2026-01-31T09:00:00Z, not the text 'soon'"),
    "messages stopped": ("{message: opened, within_last: 7 days, stopped: 30 days}", "8: stopped says which time it is about; remove within_last"),
    "messages on days": ("{message: opened, days: {of_last: 7, between: [2, 1]}}", "54: between goes from low to high: 2 is more than 1"),
    "added since enrollment": ("{list: news, added: {since: enrollment}}", "36: since: enrollment is about an enrollment: it works in flows only; a segment is about what is true now"),
    "added since no date": ("{any_tag: true, added: {since: soon!}}", "39: since takes a date or time like 2026-01-31T09:00:00Z (or enrollment, trigger, last_tick or a step's id, in a flow), not 'soon!'"),
    "added since and more": ("{any_list: true, added: {since: 2026-01-01, before: 2026-02-01}}", "32: since says it all; remove before, or combine two conditions with all:"),
    "added never": ("{list: news, added: {}}", "28: a condition takes exactly one operator, found none; combine several with all:"),
    "message window": ("{message: opened, within_last: 0 days}", "39: 0 days is no time at all"),
    "since enrollment": ("{event: review, since: enrollment}", "31: since: enrollment is about an enrollment: it works in flows only; a segment is about what is true now"),
    "enters": ("{enters: tea}", "9: enters is about an enrollment: it works in flows only; a segment is about what is true now"),
    "deep inside": ("{all: [{none: [{not: {any: [{tag: vpi}]}}]}]}", "42: there is no tag vpi (did you mean vip?)"),
}  # fmt: skip


@pytest.mark.parametrize(("condition", "expected"), CONDITIONS.values(), ids=CONDITIONS)
def test_conditions(tmp_path: Path, condition: str, expected: str) -> None:
    assert messages(tmp_path, segments__x=f"where: {condition}\n") == [f"x.yml:1:{expected}"]


FINE = [
    "{attribute: city, gt: m}",
    "{attribute: seen, on: 2026-01-31}",
    "{attribute: seen, before: '2026-01-31T09:00:00+02:00'}",
    "{attribute: seen, within_last: 5 hours}",
    "{attribute: seen, before: {ago: 2 days}}",
    "{attribute: born, on: {ahead: 1 quarter}}",
    "{attribute: born, after: yesterday}",
    "{attribute: seen, not_within: {last: 7 days}}",
    "{event: review, within: {this: week}, first_time: {within: {last: quarter}}}",
    "{event: review, since: {ago: 1 month}, until: today}",
    "{message: opened, within: {last: week}}",
    "{tag: vip, added: {within: {this: year}}}",
    "{list: news, added: {since: yesterday}}",
    "{attribute: born, anniversary: {within_next: 7 days}}",
    "{attribute: subscribed, in: [true, false]}",
    "{attribute: city, matches: '^(L|P)', ignore_case: true}",
    "{event: purchase, count_distinct: {property: category, gte: 2}}",
    "{event: purchase, first: {property: gift, is: true}}",
    "{event: purchase, where: {none: [{property: category, is_set: false}]}, count: 0}",
    "{object: item, where: {field: sku, in: [a, b]}, count: {gte: 1}}",
    "{object: order, since: 2026-01-01, until: '2026-02-01T00:00:00Z', avg: {field: total, between: [1, 1]}}",
    "{event: review, within_last: 60 days, not_within_last: 30 days, count: 0}",
    "{event: review, within_last: 2 months, not_within_last: 30 days, last_time: {on: 2026-01-31}}",
    "{event: review, weeks: {of_last: 4, between: [1, 2]}}",
    "{object: order, where: {field: status, is: paid}, restarted: 1 month}",
    "{event: review, followed_by: {event: purchase, within: 2 days, not_followed_by: {event: review, within: 12 hours}}, count: {gte: 2}}",
    "{event_prefix: pur, where: {property: gift, is_set: true}, count: 0}",
    "{any_event: true, last_time: {within_last: 30 days}}",
    "{object: item, where: {any: [{field: status, of: order, is: paid}, {field: sku, is: x}]}}",
    "{message: clicked, flow: hello, step: hello, channel: email, within_last: 30 days, count: {gte: 2}}",
    "{message: sent, since: 2022-07-01, until: 2022-10-01}",
    "{message: opened, channel: sms, since: 2026-01-01, last_time: {within_last: 30 days}}",
    "{message: opened, weeks: {of_last: 4, gte: 2}}",
    "{list: news, added: {since: '2026-01-01T09:00:00Z'}}",
    "{list: anything}",
    "{attribute: city, is_not_set: true}",
    "{list: news, added: {within_last: 7 days}}",
    "{any_tag: true}",
    "{bucket: x, between: [33.33, 66.67]}",
    "{bucket: x, percent: 100}",
    "{consent: email}",
    "{attribute: children, in: [1, 2.0]}",
    "{attribute: hobbies, not_in: [tea, chess], ignore_case: true}",
    "{attribute: hobbies, contains: {attribute: city}}",
    "{attribute: city, is_not: {attribute: town}, ignore_case: true}",
    "{attribute: age, gte: {attribute: children}}",
    "{attribute: seen, on: {attribute: born}}",
    "{sql: \"lower(city) like 'lon%' and hobbies[1] = 'tea'\"}",
    "{everyone: true}",
]


@pytest.mark.parametrize("condition", FINE)
def test_conditions_that_are_fine(tmp_path: Path, condition: str) -> None:
    assert messages(tmp_path, segments__x=f"where: {condition}\n") == []


def test_added_needs_an_added_at(tmp_path: Path) -> None:
    found = messages(
        tmp_path,
        segments__catalog=CATALOG + "lists: {model: stg_lists}\n",
        segments__x="where: {any: [{list: a, added: {within_last: 7 days}}, {any_list: true, added: {is_not_set: true}}]}\n",
    )
    message = "added needs to know when it was: give lists an added_at in the catalog"
    assert found == [f"x.yml:1:25: {message}", f"x.yml:1:73: {message}"]


STEPS = {
    "sender": ("send_sms: {text: x, sender: mailbx}", "39: there is no sender mailbx (did you mean mailbox?)"),
    "sender of another channel": ("webhook: {url: 'https://x', sender: mail}", "47: sender mail (type smtp) takes email, not webhook"),
    "template": ("send_email: {template: nothing}", "34: there is no template nothing: flow_specs/templates/ has neither nothing.txt nor nothing.html"),
    "misspelt template": ("send_email: {template: welcom}", "34: there is no template welcom (did you mean welcome?)"),
    "no subject": ("send_email: {template: plain}", "34: there is no subject: give subject: here, or in the front matter of template plain"),
    "sms without text": ("send_sms: {template: page}", "32: an SMS needs page.txt; there is only page.html"),
    "url": ("webhook: {url: 'ftp://x'}", "26: url must start with https:// or http://, not 'ftp://x'"),
    "unknown name": ("webhook: {url: 'https://x', body: {a: ['{{ contct.city }}']}}", "50: unknown name contct (did you mean contact?)"),
    "unknown attribute": ("send_sms: {text: 'Hi {{ contact.frist }}'}", "28: contact.frist: the catalog has no attribute frist"),
    "template syntax": ("send_sms: {text: 'Hi {{ contact.city'}", "28: the template is not valid: unexpected end of template, expected 'end of print statement'."),
    "attribute": ("update_contact: {lvl: x}", "33: there is no attribute lvl (did you mean level?)"),
    "literal": ("update_contact: {points: many}", "36: points takes a number, not the text 'many'"),
    "read-only attribute": ("update_contact: {city: x}", "28: city is read from the contacts model only: give it written_by: both (or flows) in the catalog"),
    "empty branch": ("branch: {if: {tag: vip}}", "11: the branch does nothing: give it steps under then: or else:"),
    "no date": ("wait: {until: {date: city}}", "32: city is a text; a date or a timestamp is needed here"),
    "unknown date": ("wait: {until: {date: borm}}", "32: there is no attribute borm (did you mean born?)"),
    "months from a moment": ("wait: {until: {date: seen, offset: 1 month}}", "46: months from a moment do not come in its order: give at:, or 1 month in days"),
    "unknown zone": ("wait: {until: {time: '09:00', timezone: Europe/Berln}}", "51: there is no time zone Europe/Berln (did you mean Europe/Berlin?)"),
    "window zone": ("send_sms: {text: x}, window: {from: '09:00', to: '10:00', timezone: Mars}", "79: there is no time zone Mars; write one like Europe/Berlin, or contact"),
    "empty switch": ("switch: {cases: [{if: {tag: vip}}]}", "11: the switch does nothing: give its cases steps under then:"),
    "cases of one name": ("switch: {cases: [{name: b, if: {tag: vip}, then: [{id: c, exit: true}]}, {name: b, if: {tag: vip}}]}", "91: there is a b already"),
    "empty split": ("split: [{name: a}, {name: b}]", "11: the split does nothing: give its parts steps"),
    "parts of one name": ("split: [{name: b, steps: [{id: c, exit: true}]}, {name: b}]", "67: there is a part b already"),
    "skip_after attribute": ("exit: true, skip_after: {attribute: city}", "47: city is a text; a date or a timestamp is needed here"),
    "skip_after trigger": ("exit: true, skip_after: {trigger: amount}", "36: trigger is about the event that enrolled the contact; no event triggers this flow"),
    "own flow": ("enter_flow: x", "23: x is this flow; to begin again, use restart_when"),
    "unknown flow": ("leave_flow: y", "23: there is no flow y; there are hello, x"),
    "from": ("send_email: {text: x, subject: y, from: me}", "51: from must be an address, not 'me'"),
}  # fmt: skip
TEMPLATES = {
    "templates__welcome": "---\nsubject: Hi {{ contact.city }}\n---\nHello\n",
    "templates__plain": "Hello",
    "html__page": "<p>Hello</p>",
}
SETTINGS = "senders:\n  mail: {type: smtp, host: localhost, from: a@example.com}\n"


@pytest.mark.parametrize(("step", "expected"), STEPS.values(), ids=STEPS)
def test_steps(tmp_path: Path, step: str, expected: str) -> None:
    flow = f"trigger: {{enters: tea}}\nsteps:\n- {{id: a, {step}}}\n"
    assert messages(tmp_path, flows__x=flow, settings=SETTINGS, **TEMPLATES) == [f"x.yml:3:{expected}"]


def test_where_of_a_flow_has_no_enrollment_but_its_other_conditions_do(tmp_path: Path) -> None:
    flow = """\
trigger: {exits: tea}
where: {event: purchase, since: enrollment}
exit_when: [{exits: tea}, {event: purchase, since: enrollment, count: {gte: 2}}]
steps:
  - id: a
    branch:
      if: {not: {event: purchase, since: enrollment}}
      then: [{id: b, exit: bought}]
"""
    assert messages(tmp_path, flows__x=flow) == [
        "x.yml:2:33: since: enrollment is about an enrollment: when where is looked at there is none yet; "
        "use exit_when or a branch"
    ]


ORIGINS = {
    "a field of the crossing": (
        "{crossing: caus, is: data}",
        "24: crossing cannot be the text 'caus': expected cause, entry_number, segment or kind (did you mean cause?)",
    ),
    "a cause": ("{crossing: cause, is: dta}", "35: there is no cause dta (did you mean data?)"),
    "one of the causes": (
        "{crossing: cause, not_in: [data, defnition]}",
        "46: there is no cause defnition (did you mean definition?)",
    ),
    "a segment that does not trigger": (
        "{crossing: segment, is: coffee}",
        "37: no crossing of segment coffee triggers this flow; those that do: tea, other",
    ),
    "a kind of crossing": (
        "{crossing: kind, is: entered}",
        "34: there is no kind of crossing called entered (did you mean enters?)",
    ),
    "a text for a number": (
        "{crossing: entry_number, gte: '2'}",
        "43: entry_number takes a whole number, not the text '2': write it without quotes",
    ),
    "an operator of texts": (
        "{enrollment: visit, contains: '2'}",
        "33: contains does not work on visit, which is a integer",
    ),
    "a field of the enrollment": (
        "{enrollment: id, is: x}",
        "26: enrollment cannot be the text 'id': expected visit or enrolled_at",
    ),
    "an event where none triggers": (
        "{trigger: amount, gt: 5}",
        "14: trigger is about the event that enrolled the contact; no event triggers this flow",
    ),
    "two operators": (
        "{crossing: entry_number, gte: 2, lt: 4}",
        "13: a condition takes exactly one operator, found gte, lt; combine several with all:",
    ),
}


@pytest.mark.parametrize(("condition", "expected"), ORIGINS.values(), ids=ORIGINS)
def test_conditions_about_how_an_enrollment_came_about(tmp_path: Path, condition: str, expected: str) -> None:
    flow = f"trigger: {{any: [{{enters: tea}}, {{exits: other}}]}}\nexit_when: [{condition}]\nsteps: [{{id: a, wait: 1 day}}]\n"
    files = {"segments__other": "where: {everyone: true}\n"}
    assert messages(tmp_path, flows__x=flow, **files) == [f"x.yml:2:{expected}"]


@pytest.mark.parametrize("word", ["trigger: amount", "crossing: cause", "enrollment: visit"])
def test_segments_have_no_trigger(tmp_path: Path, word: str) -> None:
    key = word.partition(":")[0]
    assert messages(tmp_path, segments__x=f"where: {{{word}, is: x}}\n") == [
        f"x.yml:1:9: {key} is about an enrollment: it works in flows only; a segment is about what is true now"
    ]


def test_where_knows_the_crossing_and_no_enrollment(tmp_path: Path) -> None:
    flow = """\
trigger: {enters: tea}
where: {any: [{crossing: cause, is: data}, {crossing: entry_number, gte: 2}, {enrollment: visit, gte: 2}]}
steps: [{id: a, branch: {if: {enrollment: enrolled_at, within_last: 2 days}, then: [{id: b, exit: true}]}}]
"""
    assert messages(tmp_path, flows__x=flow) == [
        "x.yml:2:79: enrollment is about an enrollment: when where is looked at there is none yet; "
        "use exit_when or a branch"
    ]


@pytest.mark.parametrize("word", ["today", "yesterday", "enrollment", "last_tick"])
def test_since_asks_for_one_thing(tmp_path: Path, word: str) -> None:
    wait = f"steps: [{{id: {word}, wait: 1 day}}, {{id: b, wait: 1 day}}]"
    flow = f"trigger: {{enters: tea}}\nexit_when: [{{event: purchase, since: {word}}}]\n{wait}\n"
    assert messages(tmp_path, flows__x=flow) == [
        f"x.yml:2:38: since: {word} has a meaning of its own, and is a step of this flow, too; give the step another id"
    ]
    assert messages(tmp_path, flows__x=flow.replace(f"since: {word}", "since: b")) == []


def test_steps_that_nobody_reaches(tmp_path: Path) -> None:
    flow = """\
trigger: {any: [{enters: tea}, {exits: tee}, {enters: tea}]}
steps:
  - id: a
    branch:
      if: {tag: vip}
      then: [{id: b, exit: true}, {id: c, wait: 1 day}]
      else: [{id: d, exit: true}]
  - {id: e, wait: 1 day}
"""
    assert messages(tmp_path, flows__x=flow) == [
        "x.yml:1:40: there is no segment tee (did you mean tea?)",
        "x.yml:1:55: enters tea is given twice",
        "x.yml:6:35: no contact gets to step c: b ends the flow",
        "x.yml:8:5: no contact gets to step e: a ends the flow",
    ]


def test_circles_of_segments_are_named_once(tmp_path: Path) -> None:
    found = messages(
        tmp_path,
        segments__a="where: {not: {segment: b}}\n",
        sql__b="-- description: b\nselect contact_id\nfrom {{ ref('segment__c') }}\n",
        segments__c="where: {any: [{segment: a}, {segment: tea}]}\n",
        segments__d="where: {segment: d}\n",
        segments__e="where: {segment: a}\n",
        sql__f="select contact_id from {{ ref('segment__teas') }}",
    )
    assert found == [
        "a.yml:1:24: segments refer to each other in a circle: a -> b -> c -> a",
        "d.yml:1:18: segments refer to each other in a circle: d -> d",
        "f.sql:1:24: there is no segment teas (did you mean tea?)",
    ]


RENAMES: dict[str, tuple[dict[str, str], list[str]]] = {
    "what has a file": (
        {"segments__x": "renamed_from: tea\nwhere: {everyone: true}\n"},
        ["x.yml:1:15: segment tea has a file of its own: remove that file, or, when a tick has seen this rename, remove the name here"],
    ),
    "its own name": (
        {"segments__x": "where: {everyone: true}\nrenamed_from: [y, x]\n"},
        ["x.yml:2:19: x is the name that this segment has"],
    ),
    "by two": (
        {"segments__x": "where: {everyone: true}\nrenamed_from: z\n", "segments__y": "renamed_from: [a, z]\nwhere: {everyone: true}\n"},
        ["y.yml:1:19: segment x was z already: only one can be"],
    ),
    "twice": (
        {"segments__x": "renamed_from: [z, z]\nwhere: {everyone: true}\n"},
        ["x.yml:1:19: z is given twice"],
    ),
    "no name": (
        {"segments__x": "renamed_from: Big Tea\nwhere: {everyone: true}\n"},
        ["x.yml:1:15: renamed_from: 'Big Tea' is not a name: use lower-case letters, digits and _, starting with a letter (did you mean big_tea?)"],
    ),
    "nobody": (
        {"segments__x": "renamed_from: []\nwhere: {everyone: true}\n"},
        ["x.yml:1:15: renamed_from needs at least 1 item"],
    ),
    "a flow to its own name": (
        {"flows__x": "renamed_from: x\nstatus: active\ntrigger: {enters: tea}\nsteps: [{id: a, wait: 1 day}]\n"},
        ["x.yml:1:15: x is the name that this flow has"],
    ),
    "a flow that has a file": (
        {"flows__x": "renamed_from: [z, hello]\nstatus: active\ntrigger: {enters: tea}\nsteps: [{id: a, wait: 1 day}]\n"},
        ["x.yml:1:19: flow hello has a file of its own: remove that file, or, when a tick has seen this rename, remove the name here"],
    ),
    "two flows that were one": (
        dict.fromkeys(("flows__x", "flows__y"), "renamed_from: z\nstatus: active\ntrigger: {enters: tea}\nsteps: [{id: a, wait: 1 day}]\n"),
        ["y.yml:1:15: flow x was z already: only one can be"],
    ),
    "a flow that a segment calls by its old name": (
        {"flows__x": "renamed_from: helo\nstatus: active\ntrigger: {enters: tea}\nsteps: [{id: a, wait: 1 day}]\n", "segments__y": "where: {message: sent, flow: helo}\n"},
        ["y.yml:1:30: there is no flow helo; it is called x now"],
    ),
    "a number": (
        {"segments__x": "renamed_from: 5\nwhere: {everyone: true}\n"},
        ["x.yml:1:15: renamed_from must be the earlier name of this file, or a list of its earlier names"],
    ),
    "of a query": (
        {"sql__x": "/*\nrenamed_from: tea\n*/\nselect contact_id from {{ ref('contacts') }}\n"},
        ["x.sql:2:15: segment tea has a file of its own: remove that file, or, when a tick has seen this rename, remove the name here"],
    ),
    "names that are gone": (
        {
            "segments__x": "renamed_from: [old, older]\nwhere: {everyone: true}\n",
            "segments__y": "where: {segment: old}\n",
            "sql__z": "select contact_id from {{ ref('segment__older') }}\n",
            "flows__hi": "trigger: {enters: old}\nsteps: [{id: a, wait: 1 day}]\n",
            "settings": "exports: {segments: [older]}\n",
        },
        [
            "hi.yml:1:19: there is no segment old; it is called x now",
            "segflow.yml:1:22: there is no segment older; it is called x now",
            "y.yml:1:18: there is no segment old; it is called x now",
            "z.sql:1:24: there is no segment older; it is called x now",
        ],
    ),
    "a removed one": (
        {"flows__hi": "trigger: {enters: coffee}\nexit_when: [{exits: coffee}]\nsteps: [{id: a, wait: 1 day}]\n"},
        [
            "hi.yml:1:19: there is no segment coffee; a segment is a file in segment_specs/",
            "hi.yml:2:21: there is no segment coffee; a segment is a file in segment_specs/",
        ],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("files", "expected"), RENAMES.values(), ids=RENAMES)
def test_renamed_and_removed_segments(tmp_path: Path, files: dict[str, str], expected: list[str]) -> None:
    assert messages(tmp_path, **files) == expected


ENTRY = {
    "max_enrollments of never": ("max_enrollments: 2", "2:1: max_enrollments counts re-entries, and reentry: never (the default) has none: give another reentry:"),
    "once per what": ("once_per_address: email", "2:19: once_per_address must be true (all channels), false, or a list of channels like [email]"),
    "once per channel": ("once_per_address: [webhook]", "2:20: an item of once_per_address cannot be the text 'webhook': expected email, sms or whatsapp"),
    "topic of a flow": ("topic: news", "2:8: there is no topic news; topics are named in the catalog"),
    "limits of a flow": ("quiet_hours: {from: '21:00', to: '08:00'}", "2:1: quiet_hours goes under delivery: in segflow.yml"),
    "no groups": ("group: promos", "2:8: there is no group promos; give segflow.yml groups: {promos: {max_active: 1}}"),
    "no such flow": ("not_while_in: [helo]", "2:16: there is no flow helo (did you mean hello?)"),
    "this flow": ("not_while_in: [hello, x]", "2:23: x is this flow itself: reentry: says when a contact may come again"),
    "a flow twice": ("not_while_in: [hello, hello]", "2:23: hello is given twice"),
    "not within no flow": ("not_within: {flow: helo, days: 7}", "2:20: there is no flow helo (did you mean hello?)"),
    "not within one of two": ("not_within: [{flow: hello, days: 7}, {flow: x, days: 7}]", "2:45: x is this flow itself: reentry: says when a contact may come again"),
    "too far back": ("not_within: {flow: hello, last: 9000 years}", "2:33: 9000 years is longer than 1000 years"),
    "restart condition": ("restart_when: [{event: purchse}]", "2:24: there is no event purchse (did you mean purchase?)"),
    "goal": ("goal: {segment: tee}", "2:17: there is no segment tee (did you mean tea?)"),
    "goal_within without a goal": ("goal_within: 3 days", "2:1: goal_within says how long contacts are looked at for the goal: give goal:"),
    "goal of steps": ("goal: {any: [{message: clicked, step: a}, {event: purchase, since: a}]}\nholdout: 10%", "2:39: a message of step a can never be so for those whom holdout keeps out: they take no step; use since: enrollment", "2:68: since: a can never be so for those whom holdout keeps out: they take no step; use since: enrollment"),
    "goal of steps without a holdout": ("goal: {message: clicked, step: a}",),
    "all right": ("reentry: always\nmax_enrollments: 2\npriority: -1\nnot_while_in: [hello]\nnot_within: [{flow: hello, last: 2 weeks}]\nrestart_when: [{enters: tea}]\ngoal: {event: purchase, since: enrollment}\ngoal_within: 1 month\nholdout: 12.5%",),
}  # fmt: skip


@pytest.mark.parametrize("told", ENTRY.values(), ids=ENTRY)
def test_who_gets_in_and_starts_again(tmp_path: Path, told: tuple[str, ...]) -> None:
    flow = f"trigger: {{enters: tea}}\n{told[0]}\nsteps: [{{id: a, send_email: {{subject: a, text: b}}}}]\n"
    assert messages(tmp_path, flows__x=flow) == [f"x.yml:{one}" for one in told[1:]]


def test_a_group_that_is_nearly_there(tmp_path: Path) -> None:
    flow = "trigger: {enters: tea}\ngroup: promo\nsteps: [{id: a, wait: 1 day}]\n"
    settings = "groups: {promos: {max_active: 2}}\n"
    assert messages(tmp_path, flows__x=flow, settings=settings) == [
        "x.yml:2:8: there is no group promo (did you mean promos?)"
    ]
    assert messages(tmp_path, flows__x=flow, settings="groups: {promo: {max_active: 0}}\n") == [
        "segflow.yml:1:30: max_active must be greater than or equal to 1"
    ]


INCLUDE = {
    "exits only": ("trigger: {exits: tea}", "x.yml:2:1: include_members offers the members of segments that trigger with enters; here is only exits"),
    "mixed": ("trigger: {any: [{exits: tea}, {enters: tea}]}", None),
}  # fmt: skip


@pytest.mark.parametrize(("trigger", "expected"), INCLUDE.values(), ids=INCLUDE)
def test_include_members(tmp_path: Path, trigger: str, expected: str | None) -> None:
    flow = f"{trigger}\ninclude_members: true\nsteps: [{{id: a, wait: 1 day}}]\n"
    assert messages(tmp_path, flows__x=flow) == ([expected] if expected else [])


CATALOGS = {
    "reserved": ("    city: text", "    contact_id: text", "7:5: contact_id is the key of a contact; an attribute needs another name"),
    "type": ("    city: text", "    city: txt", "7:11: type cannot be the text 'txt': expected text, number, integer, boolean, date, timestamp or list_of_text (did you mean text?)"),
    "zone": ("time_zone: zone", "time_zone: zon", "3:14: there is no attribute zon (did you mean zone?)"),
    "address": ("{address: phone}", "{address: age}", "20:20: address must be a text attribute; age is a number"),
    "consent": ("consent: subscribed", "consent: city", "19:38: consent must be a boolean attribute; city is a text"),
    "consent by category": ("consent: subscribed", "consent: {marketing: city}", "19:50: marketing must be a boolean attribute; city is a text"),
    "consent by an unknown category": ("consent: subscribed", "consent: {marketting: subscribed}", "19:39: unknown key marketting (did you mean marketing?)"),
    "consent to nothing": ("consent: subscribed", "consent: {}", "19:38: consent says nothing: give marketing: or transactional: an attribute"),
    "consent, a list": ("consent: subscribed", "consent: [subscribed]", "19:38: consent must be an attribute, or a mapping like {marketing: ATTRIBUTE}"),
    "double opt-in": ("consent: subscribed", "double_opt_in: age", "19:44: age is a number; a boolean, a date, a timestamp or a text is needed here"),
    "double opt-in, unknown": ("consent: subscribed", "double_opt_in: subscribd", "19:44: there is no attribute subscribd (did you mean subscribed?)"),
    "topic's default": ("tags: {names", "topics: {news: {default: opt_in}}\ntags: {names", "34:26: default cannot be the text 'opt_in': expected opted_in or opted_out (did you mean opted_in?)"),
    "topic without default": ("tags: {names", "topics: {news: {attribute: subscribed}}\ntags: {names", "34:16: default is missing"),
    "topic's attribute": ("tags: {names", "topics: {news: {default: opted_in, attribute: city}}\ntags: {names", "34:47: attribute must be a boolean attribute; city is a text"),
    "topic's list": ("tags: {names", "topics: {news: {default: opted_in, list: fans}}\ntags: {names", "34:26: who is not on the list does not get it: remove default, or the list"),
    "topic's list and attribute": ("tags: {names", "topics: {news: {list: fans, attribute: subscribed}}\ntags: {names", "34:29: attribute and list both say who gets news; remove one of them"),
    "topic's list, unknown": ("tags: {names", "lists: {names: [fans]}\ntopics: {news: {list: fan}}\ntags: {names", "35:23: there is no list fan (did you mean fans?)"),
    "topic without anything": ("tags: {names", "topics: {news: {}}\ntags: {names", "34:16: default is missing"),
    "status of no model": ("tags: {names", "lists: {status: state}\ntags: {names", "34:9: status is a column of the lists' model: name it, model: MODEL"),
    "status of tags": ("tags: {names", "tags: {status: state, names", "34:8: unknown key status; known here: model, contact, name, added_at, names"),
    "topic's name": ("tags: {names", "topics: {News Letter: {default: opted_in}}\ntags: {names", "34:10: 'News Letter' is not a name: use lower-case letters, digits and _, starting with a letter (did you mean news_letter?)"),
    "flows write lists": ("hobbies: list_of_text", "hobbies: {type: list_of_text, written_by: both}", "15:47: flows cannot write a list_of_text; lists and tags are what they can add to and remove from"),
    "event twice": ("event: review", "event: purchase", "28:5: event purchase is there already, in source 1; an event has one source"),
    "belongs_to": ("belongs_to: order", "belongs_to: ordre", "33:54: there is no object ordre (did you mean order?)"),
    "contacts_by": ("belongs_to: order, via: order_id", "contacts_by: cty", "33:55: there is no attribute cty (did you mean city?)"),
    "contacts_by a date": ("belongs_to: order, via: order_id", "contacts_by: born", "33:55: contacts_by needs an attribute that holds a key; born is a date"),
    "contacts_by and via": ("belongs_to: order, via: order_id", "contacts_by: city, via: x", "33:9: contacts_by: says how contacts belong to the object; remove via: and belongs_to:"),
    "no via": (", via: order_id", "", "33:9: via is missing: the column that holds the key of what the object belongs to (or contacts_by: the attribute of contacts that holds the object's key)"),
    "own circle": ("belongs_to: order", "belongs_to: item", "33:54: objects belong to each other in a circle: item -> item; one must belong to contact"),
    "flows write events": ("amount: number", "amount: {type: number, written_by: flows}", "25:57: flows write attributes of contacts only, not of events"),
    "imports without an answer": (", trigger_flows: may_trigger", "", "35:10: trigger_flows is missing"),
    "imports with a wrong answer": ("trigger_flows: may_trigger", "trigger_flows: 5", "35:95: '5' is neither true nor false nor a column that says so for each row"),
    "imports with a wrong key": ("imported_at: at", "importd_at: at", "35:49: unknown key importd_at (did you mean imported_at?)"),
    "message events of no message": ("imports:", "message_events: {model: stg_told}\nimports:", "35:17: give message_id: or provider_id:, the column that says which message a row is about"),
    "message events with a wrong key": ("imports:", "message_events: {model: stg_told, mesage_id: m}\nimports:", "35:35: unknown key mesage_id (did you mean message_id?)"),
    "message events with a wrong kind": ("imports:", "message_events: {model: stg_told, message_id: m, kinds: {openned: Open}}\nimports:", "35:58: unknown key openned (did you mean opened?)"),
    "message events with no text": ("imports:", "message_events: {model: stg_told, message_id: m, kinds: {opened: 5}}\nimports:", "35:66: what the data calls it must be a text, or a list of texts"),
    "message events with two kinds": ("imports:", "message_events: {model: stg_told, message_id: m, kinds: {opened: Open, clicked: [Click, Open]}}\nimports:", "35:89: 'Open' is said of opened, too; a row is of one kind"),
    "message events with one column": ("imports:", "message_events: {model: stg_told, message_id: id, id: id}\nimports:", "35:55: id is the column of message_id already"),
    "message events that are late": ("imports:", "message_events: {model: stg_told, message_id: m, late_by: 1 month}\nimports:", "35:59: late_by takes an exact time like 3 days, not 1 month: months are not equally long"),
    "imports with a wrong model": ("imports: {model: stg_imports", "imports: {model: stg-imports", "35:18: model: 'stg-imports' is not a model name: use letters, digits and _, starting with a letter or _"),
    "event and name": ("event: review", "name: kind", "27:5: properties: goes with event:; with name: write types:"),
}  # fmt: skip


@pytest.mark.parametrize(("old", "new", "expected"), CATALOGS.values(), ids=CATALOGS)
def test_catalog(tmp_path: Path, old: str, new: str, expected: str) -> None:
    assert CATALOG.count(old) == 1
    found = messages(tmp_path, segments__catalog=CATALOG.replace(old, new), segments__tea="where: {everyone: true}\n")
    assert f"catalog.yml:{expected}" in found


SETTINGS_CASES = {
    "time zone": ("time_zone: Europe/Berln", "1:12: there is no time zone Europe/Berln (did you mean Europe/Berlin?)"),
    "cron fields": ("cadence: '@daily'", "1:10: '@daily' is not a cron schedule: it needs 5 fields (minute hour day month weekday), found 1"),
    "cron hour": ("cadence: 0 25 * * *", "1:10: '0 25 * * *' is not a cron schedule: the hour, 25, is outside 0 to 23"),
    "cron range": ("cadence: 0 0 * * fri-mon", "1:10: '0 0 * * fri-mon' is not a cron schedule: the day of the week, fri-mon, goes from high to low"),
    "cron range of one": ("cadence: 0 0 * * 7-7", "1:10: '0 0 * * 7-7' is not a cron schedule: the day of the week, 7-7, is a range of one: write 7"),
    "cron star in a list": ("cadence: 0 0 *,15 * *", "1:10: '0 0 *,15 * *' is not a cron schedule: the day of the month, *,15, has * in a list: write * alone, or leave it out"),
    "cron day that no month has": ("cadence: 0 0 31 2 *", "1:10: '0 0 31 2 *' is not a cron schedule: it never comes, because there is no day 31 in Feb"),
    "cron day that these months lack": ("cadence: 0 9 31 apr,6 *", "1:10: '0 9 31 apr,6 *' is not a cron schedule: it never comes, because there is no day 31 in Apr, Jun"),
    "default sender": ("default_senders: {email: mial}", "1:26: there is no sender mial; senders are set up in segflow.yml"),
    "allowlist": ("delivery: {mode: test}", "1:18: mode test sends to the allowlist only, and there is none: give delivery.allowlist"),
    "mode": ("delivery: {mode: tset}", "1:18: mode cannot be the text 'tset': expected simulate, test or live (did you mean test?)"),
    "public_url": ("delivery: {public_url: links.shop.example}", "1:24: 'links.shop.example' is no URL: write one like https://links.example.com"),
    "public_url without TLS": ("delivery: {public_url: 'http://shop.example'}", "1:24: 'http://shop.example' is not https: write one like https://links.example.com"),
    "public_url with more": ("delivery: {public_url: 'https://shop.example/?a=1'}", "1:24: 'https://shop.example/?a=1' has more than a host and a path: write one like https://links.example.com"),
    "public_url that ends a header": ("delivery: {public_url: 'https://shop.example/>'}", "1:24: 'https://shop.example/>' is no URL: write one like https://links.example.com"),
    "link_secret alone": (f"delivery: {{link_secret: {'s' * 32}}}", "1:25: links need an address, too: give delivery.public_url"),
    "link_secret that is short": ("delivery: {public_url: 'https://l.example', link_secret: hunter2}", "1:58: link_secret: the text is shorter than 32 characters"),
    "links that end soon": ("delivery: {link_expiry: 7 days}", "1:25: '7 days' is too short: links must work for 60 days at least"),
    "tracking without links": ("delivery: {tracking: {opens: true}}", "1:30: tracking needs signed links: give delivery.public_url and delivery.link_secret"),
    "tracking of something else": ("delivery: {tracking: {open: true}}", "1:23: unknown key open (did you mean opens?)"),
    "secrets before none": (f"delivery: {{earlier_link_secrets: [{'s' * 32}]}}", "1:34: there is no delivery.link_secret that came after them"),
    "a limit of nothing": ("serve: {connections: 0}", "1:22: connections must be greater than or equal to 1"),
    "a limit of something else": ("serve: {body: 1}", "1:9: unknown key body; known here: max_body_bytes, callbacks_per_second, requests_per_second, tests_per_minute, connections, seconds"),
    "allowed domain": ("delivery: {mode: test, allowlist: [ana@a.example, '*@m\u00fcl ler.example']}", "1:51: '*@m\u00fcl ler.example' names no domain: Codepoint U+0020 at position 4 of 'm\u00fcl ler' not allowed"),
    "sender's from": ("senders: {m: {type: mailbox, from: 'Ana <ana@>'}}", "1:36: 'Ana <ana@>' is not an address: write Name <name@example.com>"),
    "sender's from, its domain": ("senders: {m: {type: mailbox, from: ana@xn--zzzzzzzz999.example}}", "1:36: 'ana@xn--zzzzzzzz999.example' is not an address: write Name <name@example.com>"),
    "export column": ("exports: {columns: [contact_id, emial]}", "1:33: there is no attribute emial (did you mean email?)"),
    "export segment": ("exports: {segments: [tee]}", "1:22: there is no segment tee (did you mean tea?)"),
    "export format": ("exports: {format: json}", "1:19: format cannot be the text 'json': expected csv, parquet or jsonl (did you mean jsonl?)"),
    "export period": ("exports: {every: 2 days}", "1:18: every cannot be the text '2 days': expected tick, hour, day, week or month (did you mean day?)"),
    "export rows": ("exports: {only: [members, exits]}", "1:27: an item of only cannot be the text 'exits': expected members, entered or exited (did you mean exited?)"),
    "export rows twice": ("exports: {only: [entered, entered]}", "1:27: entered is given twice"),
    "export of nothing": ("exports: {only: []}", "1:17: only needs at least 1 item"),
    "export column of others": ("exports: {columns: [contact_id, exited_at]}", "1:33: exited_at goes with only: exited, not with members"),
    "sender type": ("senders: {x: {type: stmp}}", f"1:21: type cannot be the text 'stmp': expected {', '.join(kinds()[:-1])} or {kinds()[-1]} (did you mean smtp?)"),
    "from": ("senders: {x: {type: smtp, host: h, from: nobody}}", "1:42: 'nobody' is not an address: write Name <name@example.com>"),
    "password alone": ("senders: {x: {type: smtp, host: h, from: a@b.c, password: p}}", "1:14: username: and password: go together"),
    "port": ("senders: {x: {type: smtp, host: h, from: a@b.c, port: 99999}}", "1:55: port must be less than or equal to 65535"),
    "no time": ("senders: {x: {type: webhook, timeout: 0}}", "1:39: '0' is no time to wait: more than 0 seconds, at most 3600"),
    "time as a text": ("senders: {x: {type: webhook, timeout: soon}}", "1:39: 'soon' is not a number"),
    "a URL as host": ("senders: {x: {type: webhook, allow_hosts: ['http://a']}}", "1:14: allow_hosts: 'http://a' is no host: write a name, an address or a network like 10.1.0.0/16"),
    "half a price": ("senders: {x: {type: webhook, price_per_part: 1}}", "1:14: price_per_part and currency go together"),
    "account of Twilio's": ("senders: {x: {type: twilio, account_sid: AC1, auth_token: t, from: Shop}}", "1:14: account_sid: is not AC and 32 hexadecimal digits"),
    "key of WhatsApp's": ("senders: {x: {type: whatsapp, phone_number_id: '12345', acess_token: t, api_version: v23.0}}", "1:57: unknown key acess_token (did you mean access_token?)"),
    "no key of WhatsApp's": ("senders: {x: {type: whatsapp, phone_number_id: '12345', api_version: v23.0}}", "1:14: access_token is missing"),
    "variable": ("name: ${env:SEGFLOW_TEST_NO_SUCH}", "1:7: the environment variable SEGFLOW_TEST_NO_SUCH is not set"),
    "bad variable": ("name: ${env:}", "1:7: '${env:}': write ${env:NAME} or ${env:NAME:-default}"),
    "cap without number": ("delivery: {caps: [{per: 7 days}]}", "1:19: at_most is missing"),
    "cap of none": ("delivery: {caps: [{at_most: 0, per: 7 days}]}", "1:29: at_most must be greater than or equal to 1"),
    "cap per what": ("delivery: {caps: [{at_most: 3, per: 7 dyas}]}", "1:37: '7 dyas' is not a duration: write a number and a unit, like 30 days (seconds, minutes, hours, days, weeks, months, quarters or years)"),
    "nothing waits": ("delivery: {keep_unmatched: 0 days}", "1:28: 0 days is no time at all"),
    "cap per nothing": ("delivery: {caps: [{at_most: 3, per: 0 days}]}", "1:37: 0 days is no time at all"),
    "cap of a channel": ("delivery: {caps: [{channel: webhook, at_most: 3, per: 7 days}]}", "1:29: channel cannot be the text 'webhook': expected email, sms or whatsapp"),
    "cap of a category": ("delivery: {caps: [{category: promo, at_most: 3, per: 7 days}]}", "1:30: category cannot be the text 'promo': expected marketing or transactional"),
    "over a cap": ("delivery: {caps: [{at_most: 3, per: 7 days, over: wait}]}", "1:51: over cannot be the text 'wait': expected skip or hold"),
    "cap's key": ("delivery: {caps: [{at_mots: 3, per: 7 days}]}", "1:20: unknown key at_mots (did you mean at_most?)"),
    "cap twice": ("delivery: {caps: [{at_most: 3, per: 7 days}, {at_most: 5, per: 1 week}]}", "1:46: there is a cap for the same messages already: 3 per 7 days"),
    "caps no list": ("delivery: {caps: {at_most: 3, per: 7 days}}", "1:18: caps must be a list, not a mapping"),
    "quiet hours no hours": ("delivery: {quiet_hours: night}", "1:25: quiet_hours must be like {from: \"21:00\", to: \"08:00\"}, or a list of such"),
    "quiet hours from": ("delivery: {quiet_hours: {to: '08:00'}}", "1:25: from is missing"),
    "quiet hours no time": ("delivery: {quiet_hours: {from: '9 pm', to: '08:00'}}", "1:32: '9 pm' is not a time of the day: write it like 09:00, from 00:00 to 23:59"),
    "quiet hours' zone": ("delivery: {quiet_hours: {from: '21:00', to: '08:00', timezone: Europe/Berln}}", "1:64: there is no time zone Europe/Berln (did you mean Europe/Berlin?)"),
    "quiet hours' zone in a list": ("delivery: {quiet_hours: [{from: '21:00', to: '08:00', timezone: contcat}]}", "1:65: there is no time zone contcat (did you mean contact?)"),
    "quiet hours' channel": ("delivery: {quiet_hours: {from: '21:00', to: '08:00', channels: [sns]}}", "1:65: an item of channels cannot be the text 'sns': expected email, sms or whatsapp (did you mean sms?)"),
    "quiet hours' channels": ("delivery: {quiet_hours: {from: '21:00', to: '08:00', channels: []}}", "1:64: channels needs at least 1 item"),
    "quiet hours' category": ("delivery: {quiet_hours: {from: '21:00', to: '08:00', category: all}}", "1:64: category cannot be the text 'all': expected marketing, transactional or any"),
    "quiet hours' key": ("delivery: {quiet_hours: {from: '21:00', to: '08:00', over: skip}}", "1:54: unknown key over; known here: from, to, days, timezone, channels, category, then"),
    "quiet hours' end": ("delivery: {quiet_hours: {from: '21:00', to: '08:00', then: wait}}", "1:60: then cannot be the text 'wait': expected hold or skip"),
    "quiet for ever": ("delivery: {quiet_hours: {from: '08:00', to: '08:00'}}", "1:25: it would be quiet for ever: nothing is sent then"),
    "quiet for ever by two": ("delivery: {quiet_hours: [{from: '21:00', to: '08:00'}, {from: '08:00', to: '21:00', channels: [sms]}]}", "1:56: with those before, it would be quiet for ever: nothing is sent then"),
    "no quiet hours": ("delivery: {quiet_hours: []}", "1:25: quiet_hours needs at least 1 item"),
    "once per what": ("delivery: {once_per_address: email}", "1:30: once_per_address must be true (all channels), false, or a list of channels like [email]"),
    "once per channel": ("delivery: {once_per_address: [emial]}", "1:31: an item of once_per_address cannot be the text 'emial': expected email, sms or whatsapp (did you mean email?)"),
    "throttle": ("delivery: {throttle: 10000 an hour}", "1:22: '10000 an hour' is no throttle: write a number per minute, hour or day, like 10000 per hour"),
    "limits at the top": ("caps: []", "1:1: caps goes under delivery: in segflow.yml"),
    "guard": ("guards: {exts: off}", "1:10: unknown key exts (did you mean exits?)"),
    "guard on": ("guards: {entries: on}", "1:19: a guard is off, or its numbers: {times: 5, above: 1000}"),
    "guard's key": ("guards: {exits: {of_at_lest: 3}}", "1:18: unknown key of_at_lest (did you mean of_at_least?)"),
    "more than all": ("guards: {exits: {percent: 120}}", "1:27: percent must be less than or equal to 100"),
    "no number": ("guards: {messages: {percent: x}}", "1:30: 'x' is not a number"),
    "below zero": ("guards: {contacts_lost: {of_at_least: -1}}", "1:39: of_at_least must be greater than or equal to 0"),
    "half a contact": ("guards: {entries: {above: 1.5}}", "1:27: above must be a whole number, not the number 1.5"),
    "no guards at all": ("guards: off", "1:9: guards must be a mapping with keys like exits, entries, contacts_lost, messages, not the text 'off'"),
}  # fmt: skip


@pytest.mark.parametrize(("settings", "expected"), SETTINGS_CASES.values(), ids=SETTINGS_CASES)
def test_settings(tmp_path: Path, settings: str, expected: str) -> None:
    assert [text.removeprefix("segflow.yml:") for text in messages(tmp_path, settings=settings)] == [expected]


def test_quiet_hours_of_contacts_need_their_zone(tmp_path: Path) -> None:
    rule = "{from: '21:00', to: '08:00', timezone: contact}"
    settings = f"delivery: {{quiet_hours: [{rule}]}}"
    catalog = CATALOG.replace("  time_zone: zone\n", "")
    told = "segflow.yml:1:65: the catalog does not say which zone contacts are in: give contacts.time_zone"
    assert messages(tmp_path, settings=settings, segments__catalog=catalog) == [told]
    assert messages(tmp_path, settings=settings.replace(", timezone: contact", ""), segments__catalog=catalog) == []


def test_a_step_names_a_topic_of_the_catalog(tmp_path: Path) -> None:
    catalog = CATALOG + "topics: {news: {default: opted_out}}\n"
    steps = "[{id: a, topic: nws, send_email: {subject: x, text: y}}, {id: b, topic: news, webhook: {url: 'https://a.example'}}]"
    flow = f"trigger: {{enters: tea}}\ntopic: news\nsteps: {steps}\n"
    nobody = "x.yml:3:73: unknown key topic; known here: id, description, skip_after, window, on_failure, webhook"
    unknown = "x.yml:3:24: there is no topic nws (did you mean news?)"
    assert messages(tmp_path, segments__catalog=catalog, flows__x=flow) == [unknown, nobody]


@pytest.mark.parametrize("cadence", ["*/15 0-6 1,15 * mon-fri", "0 0 * jan-mar/2 7", "5 4 * * sun"])
def test_schedules_that_are_fine(tmp_path: Path, cadence: str) -> None:
    assert messages(tmp_path, settings=f"cadence: '{cadence}'\n") == []


@pytest.mark.parametrize(("number", "told"), [(4, 4), (5, 4), (30_000, 4)])
def test_a_mistake_in_all_of_a_list_is_told_a_few_times(tmp_path: Path, number: int, told: int) -> None:
    codes = "".join(f"\n    - {1000 + n}" for n in range(number))
    found = messages(tmp_path, segments__x=f"where:\n  attribute: city\n  in:\n    - tea{codes}\n")
    assert len(found) == told
    assert found[0] == "x.yml:5:7: city takes a text (in quotes), not the number 1000: put it in quotes, '1000'"
    more = f"x.yml:8:7: {number - 3:,} more of these {number + 1:,} values are wrong in this way"
    assert (found[-1] == more) is (number > 4)


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        ("amout", "there is no property of the events that trigger this flow called amout (did you mean amount?)"),
        ("amount", "amount is a number; a date or a timestamp is needed here"),
    ],
    ids=["unknown", "no time"],
)
def test_what_the_event_says_must_be_a_time_to_pass_by(tmp_path: Path, field: str, expected: str) -> None:
    flow = f"trigger: {{event: purchase}}\nsteps:\n- {{id: a, exit: true, skip_after: {{trigger: {field}}}}}\n"
    assert messages(tmp_path, flows__x=flow) == [f"x.yml:3:45: {expected}"]
