"""The files that emails carry, read once."""

from __future__ import annotations

import mimetypes
from collections.abc import Sequence
from pathlib import Path

from segflow.messages import Attachment
from segflow.specs.attachments import find, too_large

_OTHER = "application/octet-stream"
# The machine's own list differs from place to place.
_TYPES = mimetypes.MimeTypes()


class Attached:
    """The folder of attachments; messages call it `shown`. Those of one email have `limit` together at most."""

    def __init__(self, folder: Path, shown: str, limit: str) -> None:
        self._folder, self._shown, self._limit = folder, shown, limit
        self._read: dict[str, Attachment] = {}

    def files(self, names: Sequence[str]) -> tuple[Attachment, ...]:
        """The files called `names`. Raises ValueError, with why, when there are none such or they are too large."""
        if why := too_large([find(self._folder, name, self._shown) for name in names], self._limit):
            raise ValueError(why)
        return tuple(self._file(name) for name in names)

    def _file(self, name: str) -> Attachment:
        if name not in self._read:
            path = find(self._folder, name, self._shown)
            kind, packed = _TYPES.guess_type(path.name)
            try:
                self._read[name] = Attachment(path.name, _OTHER if packed or kind is None else kind, path.read_bytes())
            except OSError as error:
                raise ValueError(f"{self._shown}/{name} cannot be read: {error.strerror}") from error
        return self._read[name]
