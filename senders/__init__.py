"""Senders, one file per type of sender: its settings and its class. `build` makes one from its settings.

A type is called like its module. Packages of other people bring types by the entry point `segflow.senders`, as
`NAME = "package.module:Class"`. A module is imported when its type is first used: a provider's library costs only those
who use it.
"""

from __future__ import annotations

import inspect
import pkgutil
from collections.abc import Mapping
from functools import cache
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any

from segflow.errors import ConfigurationError
from segflow.senders.base import Sender, SenderSettings
from segflow.senders.shared.rate import parse_rate

ENTRY_POINTS = "segflow.senders"
_NO_TYPES = ("base", "callbacks")


def kinds() -> list[str]:
    """The types that there are: those that are always there first, then those of other packages, both by name."""
    return [*_built_in(), *(name for name in sorted(_others()) if name not in _built_in())]


def sender_class(kind: str) -> type[Sender]:
    """The class of a type; its module is imported. Raises ConfigurationError when there is no such type, or what a
    package calls one is none."""
    if kind in _built_in():
        return _class_of_module(f"{__name__}.{kind}")
    point = _others().get(kind)
    if point is None:
        raise ConfigurationError(f"unknown type {kind!r}; there are {', '.join(kinds())}")
    return _class_of_package(point)


def settings_of(kind: str) -> type[SenderSettings]:
    """What may stand in segflow.yml for a type. Raises as `sender_class`."""
    return sender_class(kind).settings


def build(name: str, options: Mapping[str, Any], root: Path) -> Sender:
    """The sender called `name`. `options` are its settings by field name, `type` among them; paths are below `root`.

    Raises ConfigurationError when there is no such type.
    """
    try:
        found = sender_class(str(options.get("type")))
    except ConfigurationError as error:
        raise ConfigurationError(f"sender {name}: {error.reason}") from error
    given = {key: value for key, value in options.items() if key not in SenderSettings.model_fields}

    def make() -> Sender:
        return found.from_settings(name, dict(given), root)

    sender = make()
    sender._make = make
    sender.connections = int(options.get("connections") or 1)
    sender.rate = parse_rate(options["rate"]) if options.get("rate") else None
    return sender


@cache
def _built_in() -> tuple[str, ...]:
    return tuple(
        sorted(one.name for one in pkgutil.iter_modules(__path__) if not one.ispkg and one.name not in _NO_TYPES)
    )


@cache
def _others() -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=ENTRY_POINTS)}


@cache
def _class_of_module(name: str) -> type[Sender]:
    module = import_module(name)
    (found,) = [
        one
        for _, one in inspect.getmembers(module, inspect.isclass)
        if issubclass(one, Sender) and one.__module__ == module.__name__
    ]
    return found


@cache
def _class_of_package(point: EntryPoint) -> type[Sender]:
    where = f"type {point.name} of package {point.dist.name if point.dist else '?'}"
    try:
        found = point.load()
    except Exception as error:
        raise ConfigurationError(f"{where} cannot be loaded: {type(error).__name__}: {error}") from error
    settings = getattr(found, "settings", None)
    right = inspect.isclass(found) and issubclass(found, Sender)
    if not right or not (inspect.isclass(settings) and issubclass(settings, SenderSettings)):
        raise ConfigurationError(f"{where} is no sender: {point.value} must be a Sender with its settings")
    return found  # type: ignore[no-any-return]
