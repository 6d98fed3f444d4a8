"""Pydantic's errors -> located issues in words that someone who never saw Python understands."""

from __future__ import annotations

import types
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, Tag, ValidationError
from pydantic_core import ErrorDetails

from segflow.errors import Issue, did_you_mean
from segflow.specs.columns import Attribute, TimeColumn
from segflow.specs.conditions import CONDITION_KEYS, PROPERTY_MODELS
from segflow.specs.event_names import as_type, proposal
from segflow.specs.operators import NumberTest
from segflow.specs.repair import repaired
from segflow.specs.sender_settings import model_of, sender_types
from segflow.specs.spec_file import Loc, SpecFile
from segflow.specs.steps import STEP_KEYS
from segflow.specs.triggers import TRIGGER_KEYS
from segflow.specs.types import SpecModel, ValueType

M = TypeVar("M", bound=BaseModel)
Path = tuple[str | int, ...]

NOT_BUILT: frozenset[str] = frozenset()
"""Words of the design that are not built yet. Only looked at where they are not known: `until` is a window, too."""

OF_DELIVERY = ("caps", "quiet_hours")
"""Words that people look for elsewhere."""
RENAMED = {"case_insensitive": "ignore_case"}
"""Words of earlier versions -> what they are called now."""

_PROPERTY_KEYS = tuple(tag.strip("<>") for tag in PROPERTY_MODELS)
_CHOICES: dict[str, tuple[str, tuple[str, ...]]] = {
    "step": ("a step", STEP_KEYS),
    "trigger": ("a trigger", TRIGGER_KEYS),
    "reentry": ("a re-entry rule", ("after_exit", "after_entry")),
}
_KINDS = {
    "string_type": "a text",
    "bool_type": "true or false",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "list_type": "a list",
    "dict_type": "a mapping (key: value)",
}


def validate(
    model: type[M], source: SpecFile, *, partly: Mapping[str, Any] | None = None
) -> tuple[M | None, list[Issue]]:
    """Validate a parsed file. Returns the model and every problem found; with problems the model is None or, with
    `partly`, what is left of the file without them, good for further checks only; `partly` holds what stands in for
    required keys."""
    if not isinstance(source.data, dict):
        what = "is empty" if source.data is None else f"must hold a mapping (key: value), not {kind_of(source.data)}"
        return None, [source.issue((), f"the file {what}")]
    empty = list(_empty(source))
    issues = [source.issue(loc, f"{loc[-1]} has no value; give one or remove the key", key=True) for loc in empty]
    try:
        value: M | None = model.model_validate(source.data)
    except ValidationError as error:
        errors = error.errors(include_url=False)
        value = None
        issues += [_issue(source, model, item) for item in errors if not _follows(model, source, item, errors, empty)]
    if issues:
        value = repaired(model, source.data, empty, partly) if partly is not None else None
    return value, issues


def _follows(
    model: type[BaseModel], source: SpecFile, item: ErrorDetails, errors: list[ErrorDetails], empty: list[Path]
) -> bool:
    """True for an error that only repeats another one in other words."""
    at = plain(source, item["loc"])
    if item["type"] not in ("missing", "extra_forbidden") and at in empty:
        return True
    if item["type"] in ("operator", "number", "measure", "content") and at in [loc[:-1] for loc in empty]:
        return True
    if item["type"] != "missing":
        return False
    # `fr: 3 days` is one mistake: fr is unknown, and for is missing because of it
    wrong = [str(e["loc"][-1]) for e in errors if e["type"] == "extra_forbidden" and e["loc"][:-1] == item["loc"][:-1]]
    name = str(item["loc"][-1])
    return any(key in NOT_BUILT or did_you_mean(key, [name]) for key in wrong)


def kind_of(value: Any) -> str:
    """What a YAML author calls this value."""
    if value is None:
        return "an empty value"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return f"the text '{shorten(value)}'"
    if isinstance(value, (int, float)):
        return f"the number {value}"
    return "a list" if isinstance(value, list) else "a mapping"


def shorten(text: str) -> str:
    """`text` on one line, at most 60 characters."""
    flat = " ".join(text.split())
    return flat if len(flat) <= 60 else f"{flat[:57]}..."


def _empty(source: SpecFile) -> Iterator[Path]:
    """Keys written without a value: `within_last:` would silently mean no window at all. null is a value where it
    says something: update_contact clears an attribute with it, and a webhook's body may hold anything."""
    stack: list[tuple[Path, Any]] = [((), source.root)]
    while stack:
        loc, node = stack.pop()
        for key, child in node.children.items():
            if key in ("update_contact", "body") and child.value is not None:
                continue
            if child.value is None and isinstance(key, str):
                yield (*loc, key)
            elif child.children:
                stack.append(((*loc, key), child))


def plain(source: SpecFile, loc: Loc) -> tuple[str | int, ...]:
    """`loc` as far as the file has it: without union tags and without keys that are not there."""
    node, result = source.root, []
    for part in loc:
        if part in node.children:
            node = node.children[part]
            result.append(part)
    return tuple(result)


def _issue(source: SpecFile, model: type[BaseModel], error: ErrorDetails) -> Issue:
    loc, kind, given = error["loc"], error["type"], error["input"]
    at = plain(source, loc)
    if loc[:1] == ("senders",) and len(loc) > 2 and kind != "sender" and loc[-1] != "[key]":
        model, loc = _sender_model(source, loc), loc[2:]
    name = str(loc[-1]) if loc else ""
    if kind == "extra_forbidden":
        return source.issue(at, unknown_key(name, known_keys(_descend(model, loc[:-1]))), key=True)
    if kind == "missing":
        return source.issue(at, _missing(name, loc))
    if name == "[key]":
        told = _text_problem(kind, str(loc[-2]), error.get("ctx", {}))
        if loc[-3:-2] == ("types",) and (called := proposal(str(loc[-2]))):
            told = f"'{shorten(str(loc[-2]))}' is no name for conditions: write {as_type(called, str(loc[-2]))}"
        return source.issue(at, told, key=True)
    if kind == "sender" and isinstance(given, dict):
        return _wrong_sender(source, at, given)
    if kind in _CHOICES or kind == "condition":
        return _wrong_choice(source, at, loc, kind, given)
    return source.issue(at, _value_problem(model, loc, name, kind, given, error))


def unknown_key(name: str, known: list[str]) -> str:
    """The sentence for a key that is not known here."""
    if name in NOT_BUILT:
        return f"{name} is not built yet"
    if name in OF_DELIVERY:
        return f"{name} goes under delivery: in segflow.yml"
    if name in RENAMED:
        return f"{name} is called {RENAMED[name]} now"
    near = did_you_mean(name, known)
    hint = near or (f"; known here: {', '.join(known)}" if len(known) <= 12 else "")
    return f"unknown key {shorten(name)}{hint}"


def _missing(name: str, loc: Loc) -> str:
    if name == "id" and "steps" in loc:
        return "id is missing: every step needs one (segflow fmt writes it)"
    return f"{name} is missing"


def _wrong_choice(source: SpecFile, at: tuple[str | int, ...], loc: Loc, kind: str, given: Any) -> Issue:
    what, known = _CHOICES.get(kind) or ("a condition", CONDITION_KEYS)
    if kind == "condition" and _inside_rows(loc):
        known = _PROPERTY_KEYS
    if kind == "reentry" and not isinstance(given, dict):
        expected = "never, always, {after_exit: 7 days} or {after_entry: 30 days}"
        return source.issue(at, f"not a re-entry rule: {kind_of(given)}; expected {expected}")
    if isinstance(given, list) and kind == "condition":
        return source.issue(at, "a list is not a condition: write all: (or any:) above it")
    if not isinstance(given, dict):
        return source.issue(at, f"expected {what} (a mapping with one of {', '.join(known)}), not {kind_of(given)}")
    found = [key for key in given if key in known]
    if len(found) > 1:
        tail = "; put each in an item of its own, under all: or any:" if kind == "condition" else ""
        tail = "; make each a step of its own" if kind == "step" else tail
        return source.issue((*at, found[1]), f"{what} has one of {', '.join(found)}, not several{tail}", key=True)
    for key in given:
        if key in NOT_BUILT:
            return source.issue((*at, key), f"{key} is not built yet", key=True)
    others = [key for key in given if key not in ("id", "description")]
    if kind == "condition" and known is _PROPERTY_KEYS and "attribute" in given:
        return source.issue(
            (*at, "attribute"), "attribute does not work here: use property (events) or field", key=True
        )
    for key in others:
        if near := did_you_mean(key, known):
            return source.issue((*at, key), f"unknown key {key}{near}", key=True)
    if others:
        message = f"unknown key {shorten(others[0])}: {what} has one of {', '.join(known)}"
        return source.issue((*at, others[0]), message, key=True)
    return source.issue(at, f"{what} needs one of {', '.join(known)}")


def _sender_model(source: SpecFile, loc: Loc) -> type[BaseModel]:
    """The settings that an error below a sender is about: the file says of which type it is."""
    kind = source.root.children["senders"].children[loc[1]].children["type"].value
    return model_of(str(kind))


def _wrong_sender(source: SpecFile, at: Path, given: dict[str, Any]) -> Issue:
    if "type" not in given:
        return source.issue(at, f"type is missing: one of {', '.join(sender_types())}")
    return source.issue((*at, "type"), _wrong_literal("type", given["type"], sender_types()))


def _inside_rows(loc: Loc) -> bool:
    """True inside the `where` of an event or an object, where conditions are about its properties."""
    return any(tag in ("<event>", "<event_prefix>", "<any_event>", "<object>") for tag in loc)


def _value_problem(model: type[BaseModel], loc: Loc, name: str, kind: str, given: Any, error: ErrorDetails) -> str:
    context: Mapping[str, Any] = error.get("ctx", {})
    shown = _shown_name(loc)
    if kind == "literal_error" and shown == "reentry":
        near = did_you_mean(str(given), ("never", "always"))
        return f"reentry cannot be {kind_of(given)}: expected never, always, after_exit: or after_entry:{near}"
    if kind == "literal_error":
        return _wrong_literal(shown, given, _literals(_descend(model, loc)))
    if kind in _KINDS:
        quote = "; put it in quotes" if kind == "string_type" and isinstance(given, (int, float)) else ""
        return f"{shown} must be {_KINDS[kind]}, not {kind_of(given)}{quote}"
    if kind in ("model_type", "model_attributes_type"):
        return _wrong_shape(shown, _descend(model, loc), given)
    if kind in ("string_pattern_mismatch", "string_too_short", "string_too_long"):
        return _text_problem(kind, str(given), context, name=shown)
    if kind == "too_short":
        return f"{shown} needs at least {context['min_length']} {'item' if context['min_length'] == 1 else 'items'}"
    if kind == "too_long":
        return f"{shown} takes at most {context['max_length']} items"
    if kind in ("greater_than_equal", "less_than_equal", "greater_than", "less_than"):
        (bound,) = [value for key, value in context.items() if key in ("ge", "le", "gt", "lt")]
        return f"{shown} must be {kind.replace('_', ' ').replace(' equal', ' than or equal to')} {bound}".replace(
            "than than", "than"
        )
    if kind == "recursion_loop":
        return "nested too deep"
    return error["msg"]  # our own PydanticCustomErrors are sentences already


def _shown_name(loc: Loc) -> str:
    names = [part for part in loc if isinstance(part, str) and not part.startswith("<")]
    if not names:
        return "the file"
    return f"an item of {names[-1]}" if loc and isinstance(loc[-1], int) else names[-1]


def _wrong_literal(name: str, given: Any, allowed: list[Any]) -> str:
    words = [str(value).lower() if isinstance(value, bool) else str(value) for value in allowed]
    if isinstance(given, str) and given in NOT_BUILT:
        return f"{name}: {given} is not built yet"
    near = did_you_mean(given, words) if isinstance(given, str) else ""
    return f"{name} cannot be {kind_of(given)}: expected {_either(words)}{near}"


def _either(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"


def _wrong_shape(name: str, annotation: Any, given: Any) -> str:
    models = [option for option in _options(annotation) if isinstance(option, type) and issubclass(option, BaseModel)]
    found = models[0] if models else None
    if found is not None and issubclass(found, SpecModel) and found.short_form is not None:
        return f"{name} must be {found.short_form[0]}, not {kind_of(given)}"
    if found is Attribute:
        return f"{name} must be a type ({', '.join(get_args(ValueType))}), not {kind_of(given)}"
    if found is TimeColumn:
        return f"{name} must be a column, or {{column: ..., unix: seconds}} (or milliseconds), not {kind_of(given)}"
    if found is NumberTest:
        return f"{name} must be a number or bounds like {{gte: 1}}, not {kind_of(given)}"
    keys = f" with keys like {', '.join(known_keys(found)[:4])}" if found else ""
    return f"{name} must be a mapping{keys}, not {kind_of(given)}"


def _text_problem(kind: str, given: str, context: Mapping[str, Any], name: str = "") -> str:
    prefix = f"{name}: " if name else ""
    if kind == "string_too_short":
        # Not the text itself: what has a least length is a secret.
        least = context.get("min_length", 1)
        return f"{prefix}the text is {'empty' if least == 1 else f'shorter than {least} characters'}"
    if kind == "string_too_long":
        return f"{prefix}'{shorten(given)}' is longer than {context['max_length']} characters"
    pattern = str(context.get("pattern", ""))
    if "A-Z" in pattern:
        return f"{prefix}'{shorten(given)}' is not a model name: use letters, digits and _, starting with a letter or _"
    return f"{prefix}'{shorten(given)}' is not a name: {name_rule(given)}"


def name_rule(given: str) -> str:
    """What an Identifier may look like, with a proposal made from `given` where there is one."""
    better = proposal(given)
    hint = f" (did you mean {better}?)" if better and better != given else ""
    return f"use lower-case letters, digits and _, starting with a letter{hint}"


# --- walking annotations -------------------------------------------------------------------------------------------


def _unwrap(annotation: Any) -> Any:
    while get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    return annotation


def _options(annotation: Any) -> list[Any]:
    """The members of a union, unwrapped; the annotation itself when it is none."""
    bare = _unwrap(annotation)
    if get_origin(bare) in (Union, types.UnionType):
        return [option for member in get_args(bare) if member is not type(None) for option in _options(member)]
    return [bare]


def _tagged(annotation: Any, tag: str) -> Any:
    """The member of a union that carries `Tag(tag)`, or None."""
    if get_origin(annotation) is Annotated:
        base, *extras = get_args(annotation)
        if any(isinstance(extra, Tag) and extra.tag == tag for extra in extras):
            return base
        return _tagged(base, tag)
    if get_origin(annotation) in (Union, types.UnionType):
        for member in get_args(annotation):
            found = _tagged(member, tag)
            if found is not None:
                return found
    return None


def _descend(annotation: Any, loc: Loc) -> Any:
    """The annotation that `loc` leads to, None when it leads nowhere."""
    for part in loc:
        annotation = _step(annotation, part)
        if annotation is None:
            return None
    return annotation


def _step(annotation: Any, part: str | int) -> Any:
    if isinstance(part, str) and part.startswith("<") and (found := _tagged(annotation, part)) is not None:
        return found
    for option in _options(annotation):
        if isinstance(option, type) and issubclass(option, BaseModel):
            if not option.__pydantic_complete__:
                option.model_rebuild()  # a model that nothing was read by yet has names for annotations
            for name, field in option.model_fields.items():
                if part in (field.alias, name):
                    # metadata (discriminators) sits beside the annotation; tags sit inside it and are kept
                    return field.annotation
        elif get_origin(option) is list and isinstance(part, int):
            return get_args(option)[0]
        elif get_origin(option) is dict:
            return get_args(option)[1]
    return None


def known_keys(annotation: Any) -> list[str]:
    """The keys that a mapping of this type takes, as they are written in YAML."""
    for option in _options(annotation):
        if isinstance(option, type) and issubclass(option, BaseModel):
            return [field.alias or name for name, field in option.model_fields.items()]
    return []


def _literals(annotation: Any) -> list[Any]:
    return [word for option in _options(annotation) if get_origin(option) is Literal for word in get_args(option)]
