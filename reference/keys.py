"""Every key of segflow.yml and of the catalog: from the JSON Schemas, which come from the models that read them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from reference.text import NOTE, cell, code, table
from segflow.durations import Duration
from segflow.specs.catalog import Catalog
from segflow.specs.schema import json_schemas
from segflow.specs.sender_settings import models as sender_models
from segflow.specs.settings import Settings
from segflow.specs.types import SpecModel

Schema = dict[str, Any]
HEAD = ("key", "value", "default", "")
_TOLD_ELSEWHERE = ("Attribute", "TimeColumn")
"""Models that have tables of their own."""

_SETTINGS = """# Settings: segflow.yml

{note}
Every key has a default, and the file may be empty. What is misspelt is refused with its line and the likely word; `segflow schema`
writes a JSON Schema by which an editor completes all of this. `${{env:NAME}}` and `${{env:NAME:-default}}` in any text are taken from
the environment: that is where secrets belong. Paths are relative to the project's folder. A duration is a number and a unit, like `90 minutes` or
`30 days` (seconds, minutes, hours, days, weeks, months, quarters or years).

```yaml
# segflow.yml
name: tea_shop
time_zone: Europe/London
cadence: "0 6 * * *"
delivery:
  mode: simulate
```

What the words mean: [sending](SENDING.md), [consent, caps and quiet hours](CONSENT_AND_LIMITS.md), [guards](GUARDS.md),
[exports](EXPORTS.md), [what comes back](SERVE.md), [Dagster](DAGSTER.md).

"""
_SENDERS = """## senders

`senders: NAME: {type: ..., ...}`. `mailbox` and `console` are always there. What each promises is in [Senders](SENDERS.md).

"""


def settings_page() -> str:
    """docs/SETTINGS.md."""
    schema = json_schemas()["settings"]
    parts, alone = [], []
    for name, node in schema["properties"].items():
        below = _model_of(node, schema)
        if name == "senders":
            parts.append(_SENDERS + _senders(schema))
        elif below is None:
            alone.append((name, node))
        else:
            defaults = _defaults(Settings, name)
            rows = _rows(below, schema, _prefix(name, node), defaults)
            parts.append(f"## {name}\n\n{node.get('description', '')}\n\n{table(HEAD, rows)}\n")
    own = [(code(name), _kind(node, schema), _default(node), cell(node.get("description", ""))) for name, node in alone]
    return _SETTINGS.format(note=NOTE) + f"## The project\n\n{table(HEAD, own)}\n" + "".join(parts).rstrip() + "\n"


def catalog_keys() -> str:
    """The tables of docs/CATALOG.md: one per part of the file."""
    schema = json_schemas()["catalog"]
    parts = []
    for name, node in schema["properties"].items():
        below = _model_of(node, schema)
        assert below is not None
        rows = _rows(below, schema, _prefix(name, node), _defaults(Catalog, name))
        parts.append(f"### {name}: its keys\n\n{node.get('description', '')}\n\n{table(HEAD, rows)}")
    for model, key in (("Attribute", "An attribute, a property or a field"), ("TimeColumn", "The column with a time")):
        shape = schema["$defs"][model]
        found = shape["anyOf"][1] if "anyOf" in shape else shape
        parts.append(f"### {key}\n\n{found['description']}\n\n{table(HEAD, _rows(found, schema, '', {}))}")
    return "\n".join(parts)


def _senders(schema: Schema) -> str:
    """A table of what all of them have, and one for each type."""
    shapes = [schema["$defs"][model.__name__] for model in sender_models()]
    tables = [{row[0]: row for row in _rows(shape, schema, "", {})} for shape in shapes]
    common = [row for key, row in tables[0].items() if key != "`type`" and all(key in rows for rows in tables)]
    parts = [f"### Every sender\n\n{table(HEAD, common)}"]
    for shape, rows in zip(shapes, tables, strict=True):
        own = [row for key, row in rows.items() if key != "`type`" and row not in common]
        told = table(HEAD, own) if own else "Nothing else.\n"
        parts.append(f"### type: {shape['properties']['type']['const']}\n\n{shape['description']}\n\n{told}")
    return "\n".join(parts) + "\n"


def _prefix(name: str, node: Schema) -> str:
    """`exports.`, `coupons.NAME.`, `events[].`"""
    if "patternProperties" in node:
        return f"{name}.NAME."
    return f"{name}[]." if node.get("type") == "array" else f"{name}."


def _rows(
    model: Schema, schema: Schema, prefix: str, defaults: dict[str, Any], told: set[str] | None = None
) -> Iterator[tuple[str, str, str, str]]:
    """A row for each key, those of models below it after it: once, where several keys have the same ones."""
    told = set(_TOLD_ELSEWHERE) if told is None else told
    for name, node in model["properties"].items():
        key = prefix + name
        must = " (must be there)" if name in model.get("required", ()) and "const" not in node else ""
        below = _model_of(node, schema)
        default = defaults.get(name)
        shown = _default(node) or ("" if isinstance(default, dict) or below is not None else _value(default))
        yield (code(key), _kind(node, schema), shown, cell(node.get("description", "") + must))
        if below is not None and below["title"] not in told:
            told.add(below["title"])
            yield from _rows(below, schema, _prefix(key, node), default if isinstance(default, dict) else {}, told)


def _model_of(node: Schema, schema: Schema) -> Schema | None:
    """The keys that stand below a key: its own, those of each entry of a mapping, of each item of a list."""
    if "$ref" in node:
        found: Schema = schema["$defs"][node["$ref"].rpartition("/")[2]]
        return _model_of(found, schema) if "properties" not in found else found
    if "properties" in node and "title" in node:
        return node
    for place in ("items", *node.get("patternProperties", {})):
        inside = node.get(place) or node.get("patternProperties", {}).get(place)
        if isinstance(inside, dict) and (one := _model_of(inside, schema)) is not None:
            return one
    return next((one for option in node.get("anyOf", ()) if (one := _model_of(option, schema)) is not None), None)


def _kind(node: Schema, schema: Schema) -> str:
    """What may stand there, in few words."""
    if "$ref" in node:
        found = schema["$defs"][node["$ref"].rpartition("/")[2]]
        return _kind(found, schema)
    if "const" in node:
        return code(_value(node["const"]).strip("`"))
    if "enum" in node:
        return " ".join(code(str(one)) for one in node["enum"] if not isinstance(one, bool))
    if "anyOf" in node:
        kinds = list(dict.fromkeys(kind for one in node["anyOf"] if (kind := _kind(one, schema))))
        return ", or ".join(kinds)
    if node.get("examples", [""])[0] == "30 days":
        return "a duration"
    if "examples" in node:
        return "like " + code(str(node["examples"][0]))
    if "patternProperties" in node:
        return "by name"
    if node.get("type") == "array":
        return "a list"
    if "properties" in node or node.get("type") == "object":
        return "keys"
    low, high = node.get("minimum", node.get("ge")), node.get("maximum", node.get("le"))
    span = f" {low} to {high}" if low is not None and high is not None else ""
    named = {"string": "text", "integer": "number", "number": "number", "boolean": "`true` `false`"}
    kind = node.get("type")
    return named.get(kind, "") + span if isinstance(kind, str) else ""


def _default(node: Schema) -> str:
    default = node.get("default")
    return "" if default is None or isinstance(default, dict) else _value(default)


def _value(value: Any) -> str:
    if value is None or value in ({}, []):
        return ""
    if isinstance(value, bool):
        return code(str(value).lower())
    return code(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False).replace('"', ""))


def _defaults(model: type[SpecModel], name: str) -> dict[str, Any]:
    """What the schema cannot say: defaults that are made, durations among them."""
    made = model.model_fields[name].get_default(call_default_factory=True)
    return _plain(made) if isinstance(made, SpecModel) else {}


def _plain(model: SpecModel) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name in type(model).model_fields:
        value = getattr(model, name)
        if isinstance(value, SpecModel):
            value = _plain(value)
        elif isinstance(value, Duration):
            value = str(value)
        elif not isinstance(value, (bool, int, float, str, list)):
            continue
        found[name.rstrip("_")] = value
    return found
