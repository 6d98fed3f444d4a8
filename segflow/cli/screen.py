"""A terminal on which no name is broken in two: lines end at blanks, and what people copy stays whole."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

from rich.cells import cell_len
from rich.console import Console, ConsoleDimensions
from rich.text import Text

UNLIMITED = 1_000_000
"""The columns of a file or a pipe: `grep` and `diff` want each line whole."""

_MOMENT = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d(?::\d\d(?:\.\d+)?)?(?: UTC)?")
_COMMAND = re.compile(
    r"(?<![^\s(`'\"])(?:\S*/)?(?:segflow (?=\S)|make \w+|dbt (?=--|build|run|seed|ls|test|parse|deps))"
)
_NAMES = """
    preview plan explain segments flows tasks history move overlap trace backtest render export freeze release imports
    doctor rebuild compact lint init test import validate tick fmt schema ui serve stop-sending send-test compile
    vars outbox list drain retry drop flow retrigger enroll show pause resume remove coupons add sender check
    api-key revoke calls contact deleted restore suppressions
"""
COMMANDS = frozenset(_NAMES.split())
"""What may follow `segflow` or one of its groups."""
_END = re.compile(r"(?<=[^\s])[.,;:)`](?=\s|$)")
_ARGUMENT = re.compile(r"-|.*[_./=\d'\"<A-Z]")
"""What looks like a part of a command and like no word of a sentence."""

_CLAUSE = 40
"""Up to here a command is kept together with the rest of its clause, in a column that could be narrower."""


class Screen(Console):
    """Prints lines as long as the terminal is wide, or `COLUMNS` says; to a file or pipe of any length, or as
    `SEGFLOW_COLUMNS` says.

    `COLUMNS` says nothing of a pipe: a parent that has loaded readline hands the size of its own terminal down.
    """

    @property
    def size(self) -> ConsoleDimensions:
        """Columns and lines."""
        found = super().size
        columns = os.environ.get("COLUMNS" if self.is_terminal else "SEGFLOW_COLUMNS", "")
        if columns.isdecimal() and int(columns):
            return ConsoleDimensions(int(columns), found.height)
        return found if self.is_terminal else ConsoleDimensions(UNLIMITED, found.height)

    @size.setter
    def size(self, new_size: tuple[int, int]) -> None:
        self._width, self._height = new_size

    @property
    def width(self) -> int:
        """The columns that a line may fill."""
        return self.size.width

    @width.setter
    def width(self, width: int) -> None:
        self._width = width

    def print(self, *objects: Any, **settings: Any) -> None:
        """Print as rich does, without markup unless it is asked for; texts are broken at blanks alone, and never
        inside a command or a time."""
        markup = settings.pop("markup", False)
        told = [self._fit(one, bool(markup)) if isinstance(one, (str, Text)) else one for one in objects]
        if any(isinstance(one, Text) for one in told):
            settings["soft_wrap"] = True
        super().print(*told, markup=markup, **settings)

    def verbatim(self, text: str | Text) -> None:
        """Print what means something line by line (SQL, a letter, a key), exactly as it is."""
        super().print(Text(text) if isinstance(text, str) else text, soft_wrap=True)

    def _fit(self, given: str | Text, markup: bool) -> Text:
        text = given if isinstance(given, Text) else Text.from_markup(given, emoji=False) if markup else Text(given)
        return Text("\n").join(fitted(text, self.width))


def fitted(text: Text, width: int, hang: int = 0) -> list[Text]:
    """The lines of a text, those that are too long broken at blanks. A word, command or time that is longer than a
    line alone is left whole, on a line of its own. What follows a break stands as far in as its line, and `hang`."""
    made: list[Text] = []
    for line in text.split("\n", allow_blank=True) if text.plain else [text]:
        made += [line] if cell_len(line.plain) <= width else _broken(line, width, hang)
    return made


def _broken(line: Text, width: int, hang: int) -> Iterator[Text]:
    plain = line.plain
    indent = len(plain) - len(plain.lstrip())
    indent += 2 if plain[indent : indent + 2] in ("- ", "* ") else 0
    indent = min(max(indent, hang), width // 2)
    start, last, room = 0, None, width
    ends = [*breaks(plain, width - indent), len(plain)]
    for end in ends:
        if last is not None and cell_len(plain[start:end].rstrip()) > room:
            yield _piece(line, start, last, indent if start else 0)
            start, room = last + len(plain[last:]) - len(plain[last:].lstrip()), width - indent
        last = end
    yield _piece(line, start, len(plain), indent if start else 0)


def _piece(line: Text, start: int, end: int, indent: int) -> Text:
    piece = line[start:end]
    piece.rstrip()
    return Text(" " * indent) + piece if indent else piece


def breaks(plain: str, width: int) -> list[int]:
    """Where a line may be broken: the blanks that stand in no command, in no time, and after some word."""
    whole = [match.span() for match in _MOMENT.finditer(plain)] + list(_commands(plain, width))
    first = len(plain) - len(plain.lstrip())
    return [
        match.start()
        for match in re.finditer(r"[ \t]+", plain)
        if match.start() > first and not any(start < match.start() < end for start, end in whole)
    ]


def longest(plain: str) -> int:
    """The columns that a text needs: those of its longest piece that stays whole, where its line begins."""
    widths = [0]
    for line in plain.split("\n"):
        indent = len(line) - len(line.lstrip())
        edges = [0, *breaks(line, _CLAUSE), len(line)]
        widths += [indent + cell_len(line[start:end].strip()) for start, end in pairwise(edges)]
    return max(widths)


def _commands(plain: str, width: int) -> Iterator[tuple[int, int]]:
    """The commands in a text. To the end of the clause where that fits: more than the command costs only a ragged
    line. Else what cannot be a sentence's."""
    for match in _COMMAND.finditer(plain):
        words = plain[match.end() :].split(" ", 1)
        if match.group().endswith("segflow ") and not _is_command(words[0]):
            continue
        stop = _END.search(plain, match.end())
        end = stop.start() if stop else len(plain)
        if cell_len(plain[match.start() : end]) > width:
            end = _surely(plain, match.end(), end)
        yield match.start(), end


def _surely(plain: str, start: int, end: int) -> int:
    """Where the part of a clause ends that only a command can be: names of commands, options and their values."""
    sure = start
    option = False
    for number, match in enumerate(re.finditer(r"\S+", plain[start:end])):
        word = match.group()
        if not (number == 0 or option or _is_command(word) or _ARGUMENT.match(word)):
            break
        option = word.startswith("--")
        sure = start + match.end()
    return sure


def _is_command(word: str) -> bool:
    return word.startswith("-") or word.strip(".,;:)`'\"") in COMMANDS
