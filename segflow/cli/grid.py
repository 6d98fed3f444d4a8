"""Tables and trees that fit: in full; else sentences broken at blanks; else a block of lines for each row."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field

from rich.cells import cell_len
from rich.text import Text

from segflow.cli.screen import fitted, longest

_GAP = 2
_NARROW = 18
"""A column of sentences that would be narrower than this is no help."""


@dataclass
class Branch:
    """A node of a tree."""

    text: Text
    parts: list[Branch] = field(default_factory=list)


def grid(
    heads: Sequence[str],
    rows: Sequence[Sequence[Text]],
    width: int,
    *,
    right: Collection[int] = (),
    whole: Collection[int] = (),
) -> list[Text]:
    """The lines of a table. `right`: the columns of numbers; `whole`: those that are never broken. The heads are left
    out where all are empty."""
    widths = _widths(heads, rows, width, {*right, *whole})
    if widths is None:
        return list(_blocks(heads, rows, width))
    head = [[Text(head, style="dim") for head in heads]] if any(heads) else []
    made = [line for row in head for line in _lines(row, widths, right, low=True)]
    return made + [line for row in rows for line in _lines(row, widths, right)]


def _widest(plain: str) -> int:
    return max(cell_len(line) for line in plain.split("\n"))


def _widths(
    heads: Sequence[str], rows: Sequence[Sequence[Text]], width: int, whole: Collection[int]
) -> list[int] | None:
    """The widths of the columns, the widest ones made narrower until all fit; None when they cannot."""
    below = [max((_widest(row[at].plain) for row in rows), default=0) for at in range(len(heads))]
    widths = [max(cell_len(head), under) for head, under in zip(heads, below, strict=True)]
    over = sum(widths) + _GAP * (len(widths) - 1) - width
    if over <= 0:
        return widths
    least = []
    for at, head in enumerate(heads):
        need = below[at] if at in whole else max((longest(row[at].plain) for row in rows), default=0)
        sentences = need < below[at]
        least.append(min(widths[at], max(need, longest(head), _NARROW if sentences else 0)))
    while over > 0:
        free = [at for at in range(len(widths)) if widths[at] > least[at]]
        if not free:
            return None
        widths[max(free, key=lambda at: widths[at])] -= 1
        over -= 1
    return widths


def _lines(row: Sequence[Text], widths: Sequence[int], right: Collection[int], *, low: bool = False) -> Iterator[Text]:
    """The lines of a row; `low`: its cells stand on the last of them."""
    columns = [fitted(cell, width) for cell, width in zip(row, widths, strict=True)]
    if low:
        high = max(map(len, columns))
        columns = [[Text()] * (high - len(lines)) + lines for lines in columns]
    for number in range(max(len(lines) for lines in columns)):
        made = Text()
        for at, lines in enumerate(columns):
            piece = lines[number] if number < len(lines) else Text()
            rest = " " * max(widths[at] - cell_len(piece.plain), 0)
            made.append_text(Text(rest) + piece if at in right else piece + Text(rest))
            made.append(" " * _GAP if at < len(columns) - 1 else "")
        made.rstrip()
        yield made


def _blocks(heads: Sequence[str], rows: Sequence[Sequence[Text]], width: int) -> Iterator[Text]:
    for number, row in enumerate(rows):
        if number:
            yield Text()
        for head, cell in zip(heads, row, strict=True):
            if cell.plain:
                told = Text.assemble((f"{head}: ", "dim"), cell) if head else cell
                yield from fitted(told, width, 2)


def tree(root: Branch, width: int) -> list[Text]:
    """The lines of a tree, each as wide as the screen at most."""
    return list(_grown(root, width, "", ""))


def _grown(branch: Branch, width: int, first: str, rest: str) -> Iterator[Text]:
    for number, line in enumerate(fitted(branch.text, width - len(first))):
        yield Text(rest if number else first) + line
    for number, part in enumerate(branch.parts):
        last = number == len(branch.parts) - 1
        yield from _grown(part, width, rest + ("└── " if last else "├── "), rest + ("    " if last else "│   "))
