"""Prints one line per message."""

from __future__ import annotations

import sys
from typing import Literal

from segflow.messages import CHANNELS, AnyMessage, Receipt
from segflow.senders.base import Sender, SenderSettings


class ConsoleSettings(SenderSettings):
    """Prints one line per message."""

    channels = CHANNELS
    sends_attachments = True
    type: Literal["console"]


class ConsoleSender(Sender):
    """Writes to stdout: channel, address, the gist, and where the message comes from."""

    settings = ConsoleSettings
    simulated = True
    idempotent = True

    def send(self, message: AnyMessage) -> Receipt:
        line = f"{message.channel}  {message.address}  {message.gist}  [{message.flow}/{message.step}]"
        # A message must not move the reader's cursor or fake a second line.
        sys.stdout.write("".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in line) + "\n")
        return Receipt()
