"""Senders, one file per provider. `build` makes one from its settings."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from segflow.errors import ConfigurationError
from segflow.senders.base import Sender


def _mailbox(name: str, options: Mapping[str, Any], root: Path) -> Sender:
    from segflow.senders.mailbox import MailboxSender

    return MailboxSender(name, root / Path(options["path"]).expanduser(), options["from_"])


def _console(name: str, options: Mapping[str, Any], root: Path) -> Sender:
    from segflow.senders.console import ConsoleSender

    return ConsoleSender(name)


def _smtp(name: str, options: Mapping[str, Any], root: Path) -> Sender:
    from segflow.senders.smtp import SmtpSender

    return SmtpSender(name, **options)


def _webhook(name: str, options: Mapping[str, Any], root: Path) -> Sender:
    from segflow.senders.webhook import WebhookSender

    return WebhookSender(name, **options)


TYPES: dict[str, Callable[[str, Mapping[str, Any], Path], Sender]] = {
    "mailbox": _mailbox,
    "console": _console,
    "smtp": _smtp,
    "webhook": _webhook,
}


def build(name: str, options: Mapping[str, Any], root: Path) -> Sender:
    """The sender called `name`. `options` are its settings by field name, `type` among them; paths are below `root`.

    Raises ConfigurationError when there is no such type.
    """
    kind = options.get("type")
    if kind not in TYPES:
        raise ConfigurationError(f"sender {name}: unknown type {kind!r}; there are {', '.join(TYPES)}")
    return TYPES[kind](name, {key: value for key, value in options.items() if key != "type"}, root)
