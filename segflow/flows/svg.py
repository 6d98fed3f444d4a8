"""A picture of a flow as SVG. Steps stand below each other, the ways of a step side by side; after them all go on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape

from segflow.flows.picture import Node, Picture, Way

COLUMN, BOX, ROW, BOX_HEIGHT = 230, 200, 92, 58
"""Pixels: the width of a column and of a box in it, the height of a row and of a box in it."""
_LETTERS = 30
"""So many fit into a box."""
_STYLE = """
  text { font: 12px system-ui, sans-serif; fill: #1f2933; text-anchor: middle }
  .name { font-weight: 600 } .count { fill: #52606d; font-size: 11px }
  .way { fill: #52606d; font-size: 11px; stroke: #fff; stroke-width: 4px; paint-order: stroke }
  rect { fill: #fff; stroke: #9aa5b1; rx: 6 } rect.here { fill: #fff8e1; stroke: #d9a400 }
  rect.edge { fill: #e6f0fa; stroke: #7b9cc0; rx: 18 } path { fill: none; stroke: #9aa5b1 }
"""


@dataclass
class _Sheet:
    parts: list[str] = field(default_factory=list)

    def box(self, x: float, y: float, lines: Sequence[str], kind: str = "") -> None:
        """A box whose top centre is at (x, y), with up to three lines."""
        self.parts.append(f'<rect class="{kind}" x="{x - BOX / 2:g}" y="{y:g}" width="{BOX}" height="{BOX_HEIGHT}"/>')
        first = y + BOX_HEIGHT / 2 - (len(lines) - 1) * 8 + 4
        for number, line in enumerate(lines):
            style = "name" if number == 0 else "count" if number == 2 else ""
            self.parts.append(
                f'<text class="{style}" x="{x:g}" y="{first + 16 * number:g}"><title>{escape(line)}</title>'
                f"{escape(_short(line))}</text>"
            )

    def line(self, start: tuple[float, float], end: tuple[float, float]) -> None:
        """Down half of the way, across, and down the rest."""
        (x, y), (to_x, to_y) = start, end
        middle = (y + to_y) / 2
        way = f"M{x:g} {y:g}V{to_y:g}" if x == to_x else f"M{x:g} {y:g}V{middle:g}H{to_x:g}V{to_y:g}"
        self.parts.append(f'<path d="{way}"/>')

    def words(self, x: float, y: float, line: str) -> None:
        self.parts.append(f'<text class="way" x="{x:g}" y="{y:g}">{escape(_short(line))}</text>')


def svg(picture: Picture) -> str:
    """The whole image, standing alone."""
    columns, rows = _size(picture.steps)
    width, height = columns * COLUMN + 20, (rows + 2) * ROW + 20
    sheet, centre = _Sheet(), width / 2
    sheet.box(centre, 10, [picture.flow, picture.trigger, f"{picture.enrolled:,} enrolled"], "edge")
    bottom, open_ = _draw(sheet, picture.steps, centre, 10 + ROW, (centre, 10 + BOX_HEIGHT))
    if open_ is not None:
        sheet.line(open_, (centre, bottom))
    gone = sum(picture.ended.values())
    sheet.box(centre, bottom, ["end", f"{gone:,} ended, {picture.active:,} inside"], "edge")
    body = "\n".join(f"  {part}" for part in sheet.parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        f'role="img" aria-label="{escape(f"flow {picture.flow}: {picture.counts}")}">\n  <style>{_STYLE}  </style>\n'
        f"{body}\n</svg>\n"
    )


def _size(steps: Sequence[Node]) -> tuple[int, int]:
    """How many columns and rows a list of steps takes."""
    columns, rows = 1, 0
    for one in steps:
        inner = [_size(way.steps) for way in one.ways]
        columns = max(columns, sum(max(1, wide) for wide, _ in inner))
        # The words at the ways stand in a row of their own.
        rows += 1 + max((high for _, high in inner), default=0)
    return columns, rows


def _draw(
    sheet: _Sheet, steps: Sequence[Node], x: float, y: float, open_: tuple[float, float] | None
) -> tuple[float, tuple[float, float] | None]:
    """Draw steps from (x, y) down; `open_` is the end of the line that leads there. Returns the y below them, and where
    the line goes on; None when nobody does."""
    for one in steps:
        if open_ is not None:
            sheet.line(open_, (x, y))
        lines = [one.step, one.words, *([one.counts] if one.counts else [])]
        sheet.box(x, y, lines, "here" if one.standing else "")
        y, open_ = _ways(sheet, one.ways, x, y) if one.ways else (y + ROW, (x, y + BOX_HEIGHT))
        if one.ends:
            open_ = None
    return y, open_


def _ways(sheet: _Sheet, ways: Sequence[Way], x: float, y: float) -> tuple[float, tuple[float, float] | None]:
    widths = [_size(way.steps)[0] for way in ways]
    below = y + ROW
    bottom = below + max(_size(way.steps)[1] for way in ways) * ROW
    left = x - sum(widths) * COLUMN / 2
    meeting: list[tuple[float, float]] = []
    for way, wide in zip(ways, widths, strict=True):
        centre = left + wide * COLUMN / 2
        left += wide * COLUMN
        # The line turns just below the box and leads past the way's name.
        turn = (centre, y + BOX_HEIGHT + 12)
        sheet.line((x, y + BOX_HEIGHT), turn)
        sheet.words(centre, turn[1] + 16, f"{way.words} ({way.passed:,})" if way.passed else way.words)
        _, end = _draw(sheet, way.steps, centre, below, turn)
        if way.ends and end is not None:
            sheet.words(centre, end[1] + 26, f"ends: {way.ends}")
        elif end is not None:
            meeting.append(end)
    for end in meeting:
        sheet.line(end, (end[0], bottom - 16))
        sheet.line((end[0], bottom - 16), (x, bottom - 6))
    return bottom, (x, bottom - 6) if meeting else None


def _short(words: str) -> str:
    return words if len(words) <= _LETTERS else f"{words[: _LETTERS - 1]}…"
