"""A small valid project that tests change in one place each."""

from __future__ import annotations

from pathlib import Path

from segflow.errors import Issue
from segflow.specs.load import collect_with_warnings

CATALOG = """\
contacts:
  model: stg_contacts
  time_zone: zone
  attributes:
    email: text
    phone: text
    city: text
    zone: text
    age: number
    born: date
    seen: timestamp
    subscribed: boolean
    town: text
    children: integer
    hobbies: list_of_text
    level: {type: text, written_by: both}
    points: {type: number, written_by: flows}
  channels:
    email: {address: email, consent: subscribed}
    sms: {address: phone}
events:
  - model: stg_events
    name: event_name
    types:
      purchase: {category: text, amount: number, gift: boolean, labels: list_of_text}
      page_view: {url: text}
  - model: stg_reviews
    event: review
    properties: {stars: number}
objects:
  order:
    {model: stg_orders, key: order_id, via: contact_id, created_at: created_at, fields: {status: text, total: number}}
  item: {model: stg_items, key: item_id, belongs_to: order, via: order_id, fields: {sku: text}}
tags: {names: [vip, blocked]}
imports: {model: stg_imports, contact: contact, imported_at: at, batch: batch, trigger_flows: may_trigger}
"""
SEGMENT = """\
description: Bought tea
where: {event: purchase, where: {property: category, is: tea}}
"""
FLOW = """\
status: active
trigger: {enters: tea}
steps:
  - {id: hello, send_email: {subject: Hi, text: "Hello {{ contact.email }}"}}
"""


def project(root: Path, **files: str) -> Path:
    """Write the project; `files` replaces or adds: `segments__x` is segment_specs/x.yml, `flows__x` a flow,
    `sql__x` a .sql segment, `templates__x` a .txt template, `html__x` a .html one, `settings` is segflow.yml."""
    contents = {"segments__catalog": CATALOG, "segments__tea": SEGMENT, "flows__hello": FLOW, **files}
    folders = {
        "segments": ("segment_specs", ".yml"),
        "sql": ("segment_specs", ".sql"),
        "flows": ("flow_specs", ".yml"),
        "templates": ("flow_specs/templates", ".txt"),
        "html": ("flow_specs/templates", ".html"),
    }
    for key, text in contents.items():
        if key == "settings":
            path = root / "segflow.yml"
        else:
            kind, _, name = key.partition("__")
            folder, suffix = folders[kind]
            path = root / folder / f"{name}{suffix}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return root


def messages(root: Path, **files: str) -> list[str]:
    """The issues of the project as text, without the names of the folders."""
    _, issues, warnings = collect_with_warnings(project(root, **files))
    told = (issue for issue in warnings if "nothing brings in" not in issue.message)
    return [short(issue) for issue in sorted([*issues, *told])]


def short(issue: Issue) -> str:
    return str(issue).removeprefix("segment_specs/").removeprefix("flow_specs/").removeprefix("templates/")
