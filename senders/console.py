"""Prints one line per message."""

from __future__ import annotations

import sys

from segflow.messages import AnyMessage, Email, Receipt, Sms
from segflow.senders.base import Sender


class ConsoleSender(Sender):
    """Writes to stdout: channel, address, the gist, and where the message comes from."""

    channels = frozenset({"email", "sms", "webhook"})
    simulated = True
    idempotent = True

    def send(self, message: AnyMessage) -> Receipt:
        if isinstance(message, Email):
            address, gist = message.to, message.subject
        elif isinstance(message, Sms):
            address, gist = message.to, message.text
        else:
            address, gist = message.url, message.method
        line = f"{message.channel}  {address}  {gist}  [{message.flow}/{message.step}]"
        # A message must not move the reader's cursor or fake a second line.
        sys.stdout.write("".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in line) + "\n")
        return Receipt()
