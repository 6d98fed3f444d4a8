"""The JSON Schemas accept what segflow accepts and refuse typos."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from segflow.specs.load import collect
from segflow.specs.schema import json_schemas, write_schemas
from segflow.specs.spec_file import parse_spec_file
from tests.specs.helpers import CATALOG, FLOW, SEGMENT, project

SCHEMAS = json_schemas()
ROOT = Path(__file__).parents[2]
BIG_SEGMENT = """\
where:
  all:
    - {event: purchase, where: {any: [{property: category, is: tea}, {not: {property: gift, is: true}}]}, count: 3}
    - {object: order, within_last: 3 months, sum: {field: total, gte: 100}}
    - {event: purchase, within_last: 3 months, not_within_last: 1 month, last_time: {after: 2026-01-31}}
    - {event: purchase, days: {of_last: 7, gte: 5}}
    - {event: purchase, stopped: 30 days}
    - {event: purchase, followed_by: {event: review, within: 2 days, not_followed_by: {event: purchase, within: 1 day}}}
    - {event_prefix: pur, where: {property: amount, gt: 1}, not_followed_by: {event: review, within: 2 days}}
    - {message: opened, flow: hello, step: hello, within_last: 3 days, count: 0}
    - {message: opened, stopped: 30 days}
    - {list: x, added: {since: 2026-01-01}}
    - {any_event: true, first_time: {before: 2026-01-01}}
    - {object: item, where: {field: status, of: order, is: paid}}
    - {attribute: born, anniversary: {within_next: 7 days}}
    - none: [{tag: vip}, {list: x}, {segment: tea}, {everyone: true}]
renamed_from: [older, old]
on_create: trigger
guards: {exits: {percent: 80}, entries: false}
lint: {ignore: [same-rule, never-seen]}
tests:
  - name: everything at once
    as_of: 2026-03-01
    contacts: [{contact_id: a, city: London, hobbies: [tea]}, {contact_id: 2, age: 30.5, subscribed: true, level: x}]
    events: [{contact_id: a, event: purchase, at: 2026-01-01, category: tea, labels: [x]}]
    objects: {order: [{order_id: 1, contact_id: a, created_at: 2026-01-01, total: 5}], item: [{order_id: 1, sku: t}]}
    lists: [{contact_id: a, name: x, added_at: 2026-01-01}]
    tags: [{contact_id: 2, name: vip}]
    messages: [{contact_id: a, message: opened, at: 2026-02-01, flow: hello, step: hello, message_id: 1}]
    held: [{contact_id: a, attribute: city, since: 2026-01-01}]
    segments: {tea: [a, 2]}
    members: []
export: {path: /srv/crm, columns: [contact_id, entered_at], format: jsonl, every: day, only: [entered, exited]}
"""
BIG_FLOW = """\
status: active
trigger: {any: [{enters: tea}, {exits: tea}]}
include_members: true
where: {attribute: city, is_set: true}
reentry: {after_exit: 7 days}
exit_when:
  - {exits: tea}
  - {event: purchase, since: enrollment}
  - {message: sent, since: last_tick}
  - {any_tag: true, added: {since: a}}
guards: {messages: off}
steps:
  - {id: a, wait: 3 days}
  - {id: b, wait: {for: 1 week}}
  - {id: c, update_contact: {level: null, points: 5}}
  - {id: w, send_whatsapp: {template: t, language: en, header: {text: {a: x}}, buttons: [{index: 0, url: x}]}}
  - id: v
    send_whatsapp:
      template: t
      language: en
      header: {document: {id: '1', filename: x}}
      buttons: [{index: 1, quick_reply: x}]
  - {id: d, webhook: {url: 'https://x', headers: {X-A: b}, body: {a: [1, null]}}}
  - id: e
    branch:
      if: {tag: vip}
      then: [{id: f, add_to_list: x}]
      else: [{id: g, exit: not a vip}]
"""
SETTINGS = """\
time_zone: Europe/Berlin
senders: {mail: {type: smtp, host: localhost, port: 25, from: a@example.com}, hook: {type: webhook}}
exports: {segments: [tea], columns: [contact_id, email], format: parquet, every: week, only: [members, exited]}
guards: {exits: off, entries: {times: 2.5}, messages: {percent: 30, above: 500}}
"""


def errors(kind: str, text: str) -> list[str]:
    validator = jsonschema.Draft7Validator(SCHEMAS[kind])
    return [error.message for error in validator.iter_errors(parse_spec_file(text, "f.yml").data)]


def test_they_are_schemas() -> None:
    for schema in SCHEMAS.values():
        jsonschema.Draft7Validator.check_schema(schema)
        assert schema["title"].startswith("segflow ")


EVENTS = """\
contacts:
  model: stg_contacts
  attributes: {town: {type: text, column: [address, "", city]}, zip: {type: text, column: z}}
events:
  - model: stg_events
    name: event_name
    types:
      visit: {}
      bought: {amount: number}
      order_completed: {is: Order Completed, properties: {amount: {type: number, column: amt}}}
      page: {is: $pageview}
event_prefixes: {cart: {is: cart.}}
"""
EXAMPLES = [
    ("catalog", CATALOG), ("catalog", EVENTS),
    ("segment", SEGMENT), ("flow", FLOW), ("segment", BIG_SEGMENT), ("flow", BIG_FLOW),
    ("settings", SETTINGS),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "text"), EXAMPLES)
def test_examples_pass(kind: str, text: str) -> None:
    assert errors(kind, text) == []


def test_the_examples_are_fine_for_segflow_too(tmp_path: Path) -> None:
    catalog = CATALOG.replace("sms: {address: phone}", "sms: {address: phone}\n    whatsapp: {address: phone}")
    root = project(
        tmp_path, segments__big=BIG_SEGMENT, flows__big=BIG_FLOW, settings=SETTINGS, segments__catalog=catalog
    )
    assert [issue.message for issue in collect(root)[1]] == []


def project_files() -> list[tuple[str, Path]]:
    found: list[tuple[str, Path]] = []
    for root in (ROOT, *sorted((ROOT / "examples").glob("*/"))):
        segments = sorted((root / "segment_specs").glob("*.yml"))
        found += [("catalog" if path.stem == "catalog" else "segment", path) for path in segments]
        found += [("flow", path) for path in sorted((root / "flow_specs").glob("*.yml"))]
        found += [("settings", path) for path in sorted(root.glob("segflow.yml"))]
    return found


def test_the_specs_of_this_repository_pass() -> None:
    files = project_files()
    assert files
    wrong = {str(path): errors(kind, path.read_text(encoding="utf-8")) for kind, path in files}
    assert {path: found for path, found in wrong.items() if found} == {}


TYPOS: dict[str, tuple[str, str]] = {
    "key of a segment": ("segment", "descripton: x\nwhere: {tag: vip}\n"),
    "operator": ("segment", "where: {attribute: city, iss: x}\n"),
    "two leaves": ("segment", "where: {attribute: city, is: x, tag: y}\n"),
    "inside a group": ("segment", "where: {all: [{any: [{evnt: purchase}]}]}\n"),
    "duration": ("segment", "where: {event: purchase, within_last: 30 dys}\n"),
    "empty window": ("segment", "where: {event: purchase, within_last: }\n"),
    "status": ("flow", FLOW.replace("active", "activ")),
    "trigger": ("flow", FLOW.replace("enters", "enter")),
    "step": ("flow", FLOW.replace("send_email", "send_emial")),
    "button": ("flow", BIG_FLOW.replace("quick_reply", "quick_repy")),
    "header": ("flow", BIG_FLOW.replace("{document:", "{documnt:")),
    "no id": ("flow", FLOW.replace("id: hello, ", "")),
    "text of an event": ("catalog", EVENTS.replace("{is: $page", "{iss: $page")),
    "path of a column": ("catalog", EVENTS.replace("[address, ", "[5, ")),
    "text of a prefix": ("catalog", EVENTS.replace("{is: cart.", "{iss: cart.")),
    "type": ("catalog", CATALOG.replace("city: text", "city: txt")),
    "rule of lint": ("segment", "where: {tag: vip}\nlint: {ignore: [same-rul]}\n"),
    "key of lint": ("segment", "where: {tag: vip}\nlint: {ignored: [same-rule]}\n"),
    "key of a test": ("segment", "where: {tag: vip}\ntests: [{name: x, as_of: 2026-01-01, member: []}]\n"),
    "no members": ("segment", "where: {tag: vip}\ntests: [{name: x, as_of: 2026-01-01}]\n"),
    "row of a test": ("segment", "where: {tag: vip}\ntests: [{name: x, as_of: x, members: [], tags: [{name: vip}]}]\n"),
    "guard": ("settings", "guards: {exist: off}\n"),
    "guard's number": ("settings", "guards: {exits: {percnt: 5}}\n"),
    "guard on": ("settings", "guards: {exits: on}\n"),
    "sender": ("settings", SETTINGS.replace("type: smtp", "type: stmp")),
}


@pytest.mark.parametrize(("kind", "text"), TYPOS.values(), ids=TYPOS)
def test_typos_fail(kind: str, text: str) -> None:
    assert errors(kind, text) != []


def test_written_files(tmp_path: Path) -> None:
    paths = write_schemas(tmp_path / "schemas")
    read: dict[str, Any] = {path.name: json.loads(path.read_text(encoding="utf-8")) for path in paths}
    assert read == {f"{name}.schema.json": schema for name, schema in SCHEMAS.items()}
