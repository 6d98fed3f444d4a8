"""JSON Schemas of the spec files, so that an editor completes and checks the YAML while it is written.

They describe shapes only. Whether an attribute exists is for `segflow validate`.
"""

from __future__ import annotations

import ast
import inspect
import json
import sys
import textwrap
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel

from segflow.files import write_whole
from segflow.specs import (
    catalog,
    columns,
    conditions,
    coupons,
    event_source,
    exports,
    flow,
    flow_entry,
    flow_tests,
    guards,
    limits,
    lint_rules,
    message_source,
    operators,
    origins,
    segment,
    segment_tests,
    serve,
    settings,
)
from segflow.specs.catalog import Catalog
from segflow.specs.conditions import CONDITION_KEYS, CONDITION_MODELS, PROPERTY_MODELS
from segflow.specs.flow import FlowSpec
from segflow.specs.segment import SegmentSpec
from segflow.specs.sender_settings import models as sender_models
from segflow.specs.settings import Settings
from segflow.specs.steps import KINDS
from segflow.specs.triggers import TRIGGER_MODELS
from segflow.specs.types import SpecModel, ValueType

DIALECT = "http://json-schema.org/draft-07/schema#"
"""Draft 7: the newest that yaml-language-server reads in full."""

_FILES: dict[str, tuple[type[BaseModel], str, str]] = {
    "catalog": (
        Catalog,
        "segflow catalog",
        "segment_specs/catalog.yml: how dbt models become contacts and events",
    ),
    "segment": (SegmentSpec, "segflow segment", "segment_specs/ID.yml: the contacts that match a condition"),
    "flow": (FlowSpec, "segflow flow", "flow_specs/ID.yml: an automation that contacts pass through"),
    "settings": (Settings, "segflow settings", "segflow.yml: the project's settings"),
}
_SHORT_FORMS: dict[str, dict[str, Any]] = {
    "Attribute": {"enum": list(get_args(ValueType))},
    "TimeColumn": {"type": "string", "minLength": 1, "maxLength": 255},
    "NumberTest": {"type": "number"},
}
"""What the models' before-validators accept in place of a mapping."""
_MODULES = (
    catalog, columns, event_source, message_source, conditions, operators, flow, flow_entry, flow_tests, exports,
    guards, limits, lint_rules, origins, segment, segment_tests, coupons, serve, settings,
    *{sys.modules[model.__module__]: None for kind in KINDS.values() for model in kind.__mro__},
    *{sys.modules[model.__module__]: None for model in TRIGGER_MODELS.values()},
)  # fmt: skip
"""Where the models are."""

_OPEN = {"additionalProperties", "patternProperties"}
"""Where null is a value: update_contact clears an attribute with it."""

Schema = dict[str, Any]


def json_schemas() -> dict[str, Schema]:
    """The schemas by kind of file: catalog, segment, flow, settings."""
    documents = _field_documents()
    result: dict[str, Schema] = {}
    for name, (model, title, description) in _FILES.items():
        schema = model.model_json_schema(by_alias=True)
        definitions = schema.get("$defs", {})
        for definition, short in {**_SHORT_FORMS, **_short_forms()}.items():
            if definition in definitions:
                definitions[definition] = {"anyOf": [short, definitions[definition]]}
        _document(definitions, documents)
        _document({model.__name__: schema}, documents)
        schema = _friendly(schema)
        schema.pop("description", None)
        result[name] = {"$schema": DIALECT, **schema, "title": title, "description": description}
    return result


def write_schemas(directory: Path) -> list[Path]:
    """Write NAME.schema.json for each kind of file; returns the paths. Raises RunError when it cannot."""
    paths = []
    for name, schema in json_schemas().items():
        path = directory / f"{name}.schema.json"
        text = json.dumps(schema, indent=2, ensure_ascii=False) + "\n"
        write_whole(path, text.encode(), durable=False)
        paths.append(path)
    return paths


def build_models() -> None:
    """Make the validators of all models now. They are made when they are first used, which a process that waits for
    work need not leave to it."""
    for model in _models():
        model.model_rebuild()


def _models() -> Iterator[type[SpecModel]]:
    """The models of `_MODULES`, and the settings of senders."""
    yield from sender_models()
    for module in _MODULES:
        for _, model in inspect.getmembers(module, inspect.isclass):
            if issubclass(model, SpecModel) and model.__module__ == module.__name__:
                yield model


def _short_forms() -> dict[str, Schema]:
    return {model.__name__: model.short_form[1] for model in _models() if model.short_form is not None}


def _field_documents() -> dict[str, dict[str, str]]:
    """model -> field -> the text below it. Read here from the source: pydantic would do it at each import."""
    found: dict[str, dict[str, str]] = {}
    for model in _models():
        texts = found[model.__name__] = {}
        for base in reversed(model.__mro__):
            if issubclass(base, SpecModel) and base is not SpecModel:
                texts.update(_texts(base))
    return found


@cache
def _texts(model: type[SpecModel]) -> tuple[tuple[str, str], ...]:
    tree = ast.parse(textwrap.dedent(inspect.getsource(model))).body[0]
    assert isinstance(tree, ast.ClassDef)
    texts = []
    for field, after in zip(tree.body, tree.body[1:], strict=False):
        if (
            isinstance(field, ast.AnnAssign)
            and isinstance(field.target, ast.Name)
            and isinstance(after, ast.Expr)
            and isinstance(after.value, ast.Constant)
            and isinstance(after.value.value, str)
        ):
            texts.append((field.target.id.rstrip("_"), " ".join(after.value.value.split())))
    return tuple(texts)


def _document(definitions: dict[str, Schema], documents: dict[str, dict[str, str]]) -> None:
    for name, definition in definitions.items():
        shape = definition["anyOf"][1] if "anyOf" in definition else definition
        if isinstance(shape.get("description"), str):
            shape["description"] = " ".join(shape["description"].split())
        for field, text in documents.get(name, {}).items():
            if field in shape.get("properties", {}):
                shape["properties"][field]["description"] = text


def _friendly(node: Any, key: str = "", holder: str = "") -> Any:
    """The schema with what editors do better with: no null where YAML would need a value, and unions that are told
    apart by one key as a chain of `if` / `then`, so that an error is about the one shape that was meant."""
    if isinstance(node, list):
        return [_friendly(item) for item in node]
    if not isinstance(node, dict):
        return node
    result = {
        name: _friendly(value, name, key) for name, value in node.items() if not (name == "default" and value is None)
    }
    if "properties" not in result and isinstance(result.get("title"), str):
        result.pop("title")  # pydantic repeats the key's name there
    options = result.get("anyOf")
    if isinstance(options, list) and {"type": "null"} in options and not {key, holder} & _OPEN:
        kept = [option for option in options if option != {"type": "null"}]
        result.pop("anyOf")
        result = {**result, **kept[0]} if len(kept) == 1 else {**result, "anyOf": kept}
    chosen = result.get("oneOf")
    if isinstance(chosen, list):
        keys = _keys_of(chosen)
        if keys is not None:
            result.pop("oneOf")
            result |= _by_key(chosen, keys)
        elif "discriminator" not in result:
            result["anyOf"] = result.pop("oneOf")  # an empty mapping is each of several shapes
    return result


_CONDITIONS: tuple[dict[str, type[BaseModel]], ...] = (CONDITION_MODELS, PROPERTY_MODELS)
_KEYS_BY_MODEL: dict[str, str] = {
    **{model.__name__: tag.strip("<>") for models in _CONDITIONS for tag, model in models.items()},
    **{kind.__name__: key for key, kind in KINDS.items()},
    **{model.__name__: key for key, model in TRIGGER_MODELS.items()},
    "AfterExit": "after_exit",
    "AfterEntry": "after_entry",
}


def _keys_of(options: list[Schema]) -> list[str] | None:
    """The key that tells each option from the others, None when some option has none."""
    names = [str(option.get("$ref", "")).rpartition("/")[2] for option in options]
    keys = [_KEYS_BY_MODEL.get(name) for name in names]
    return None if None in keys else [key for key in keys if key is not None]


def _by_key(options: list[Schema], keys: list[str]) -> Schema:
    return {
        "type": "object",
        "properties": dict.fromkeys(keys, True),  # what an editor offers before any key is there
        "oneOf": [{"required": [key]} for key in keys],
        "allOf": [{"if": {"required": [key]}, "then": option} for key, option in zip(keys, options, strict=True)],
    }


assert set(CONDITION_KEYS) <= set(_KEYS_BY_MODEL.values())
