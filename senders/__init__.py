"""Senders, one file per provider. `build` makes one from its settings."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from segflow.errors import ConfigurationError
from segflow.senders.base import Sender

TYPES = {
    "mailbox": "mailbox.MailboxSender",
    "console": "console.ConsoleSender",
    "smtp": "smtp.SmtpSender",
    "webhook": "webhook.WebhookSender",
    "notify": "notify.NotifySender",
}
"""type -> the class that sends, as `module.Class` of this package. A provider's library is loaded where it is used."""


def sender_class(kind: str) -> type[Sender]:
    """The class of a type that is in `TYPES`. Imports its module."""
    module, _, name = TYPES[kind].partition(".")
    found: type[Sender] = getattr(import_module(f"{__name__}.{module}"), name)
    return found


def build(name: str, options: Mapping[str, Any], root: Path) -> Sender:
    """The sender called `name`. `options` are its settings by field name, `type` among them; paths are below `root`.

    Raises ConfigurationError when there is no such type.
    """
    kind = options.get("type")
    if kind not in TYPES:
        raise ConfigurationError(f"sender {name}: unknown type {kind!r}; there are {', '.join(TYPES)}")
    given = {key: value for key, value in options.items() if key != "type"}
    return sender_class(kind).from_settings(name, given, root)
