"""Takes the mistakes out of a file's data, so that the rest of it can still be checked against the catalog.

Without this, one misspelt key would hide every wrong attribute of the same file until the next try.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from segflow.specs.conditions import CONDITION_MODELS
from segflow.specs.spec_file import Loc
from segflow.specs.steps import STEP_KEYS

M = TypeVar("M", bound=BaseModel)

_STEP_TAGS = frozenset(f"<{key}>" for key in STEP_KEYS)
_WHOLE = ("missing", "condition", "step")
_ROUNDS = 6


def repaired(model: type[M], data: Any, empty: Iterable[Loc], fillers: Mapping[str, Any]) -> M | None:
    """The model without the keys that are wrong, None when too little is left. `empty`: keys without a value;
    `fillers`: what stands in for required keys of the file.

    Places stay the same: a condition or step that is lost is replaced by one that says nothing.
    """
    data = copy.deepcopy(data)
    for loc in empty:
        _remove(data, loc)
    for attempt in range(_ROUNDS):
        try:
            return model.model_validate(data)
        except ValidationError as error:
            for item in error.errors(include_url=False, include_context=False, include_input=False):
                loc = item["loc"]
                if item["type"] == "missing" and len(loc) == 1 and loc[0] in fillers:
                    data[loc[0]] = fillers[str(loc[0])]
                    continue
                if item["type"] == "missing" and loc[-1] == "id" and (path := _walk(data, loc)):
                    container, key, position = path[-1]
                    container[key]["id"] = _step_id(None, loc[: position + 1])
                    continue
                # first the wrong key alone; when that breaks its condition or step, all of that
                alone = item["type"] == "extra_forbidden" or (attempt == 0 and item["type"] not in _WHOLE)
                if not (alone and _remove(data, loc)):
                    _neutralise(data, loc, item["type"])
    return None


def _walk(data: Any, loc: Loc) -> list[tuple[Any, str | int, int]]:
    """(container, key, position in `loc`) for each part of `loc` that `data` has, outermost first."""
    found: list[tuple[Any, str | int, int]] = []
    here = data
    for position, part in enumerate(loc):
        in_list = isinstance(here, list) and isinstance(part, int) and part < len(here)
        if in_list or (isinstance(here, dict) and part in here):
            found.append((here, part, position))
            here = here[part]
    return found


def _remove(data: Any, loc: Loc) -> bool:
    path = _walk(data, loc)
    if not path or not isinstance(path[-1][0], dict):
        return False
    container, key, _ = path[-1]
    del container[key]
    return True


def _neutralise(data: Any, loc: Loc, kind: str) -> None:
    """Replace the innermost condition or step around `loc`; remove the top-level key when there is neither."""
    path = _walk(data, loc)
    for container, key, position in reversed(path):
        following = loc[position + 1] if position + 1 < len(loc) else None
        rows = any(part in ("<event>", "<object>") for part in loc[: position + 1])
        last = position == len(loc) - 1
        if (following in CONDITION_MODELS or (last and kind == "condition")) and not rows:
            container[key] = {"everyone": True}
            return
        if following in _STEP_TAGS or (last and kind == "step"):
            container[key] = {"id": _step_id(container[key], loc[: position + 1]), "wait": "1 day"}
            return
    if path:
        container, key, _ = path[0]
        container.pop(key, None)


def _step_id(step: Any, loc: Loc) -> str:
    given = step.get("id") if isinstance(step, dict) else None
    numbers = "_".join(str(part) for part in loc if isinstance(part, int))
    # an id of its own, so that no other step can be called its double
    return given if isinstance(given, str) and given.isidentifier() and given.islower() else f"unnamed_{numbers}"
