"""Pictures of flows as text and as Mermaid."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from segflow.flows.picture import Node, Picture

_END = "finish"


def text(picture: Picture) -> str:
    """An indented list: steps with what they do and how many have passed or stand there, ways below their step."""
    rows = lines(picture)
    width = max((len(left) for left, _ in rows), default=0)
    body = [f"{left.ljust(width)}  {right}".rstrip() for left, right in rows]
    return "\n".join([*head(picture), "", *body])


def head(picture: Picture) -> list[str]:
    """What stands above the steps."""
    return [f"{picture.flow} ({picture.status}): {picture.trigger}", f"  {picture.counts}"]


def lines(picture: Picture) -> list[tuple[str, str]]:
    """The steps and ways, each with its counts."""
    return list(_lines(picture.steps, 1))


def _lines(steps: Sequence[Node], depth: int) -> Iterator[tuple[str, str]]:
    width = max((len(one.step) for one in steps), default=0)
    for one in steps:
        yield f"{'  ' * depth}{one.step.ljust(width)}  {one.words}", one.counts
        for way in one.ways:
            told = f"{way.words}{f', ends ({way.ends})' if way.ends and not way.steps else ''}"
            yield f"{'  ' * (depth + 1)}{told}", f"{way.passed:,} passed" if way.passed else ""
            yield from _lines(way.steps, depth + 2)


def mermaid(picture: Picture) -> str:
    """A flowchart from top to bottom; GitHub, GitLab and many wikis draw it."""
    lines = ["flowchart TD", f'  start(["{_quoted(picture.trigger)}<br/>{_quoted(picture.counts)}"])']
    loose = _chart(picture.steps, [("start", "")], lines)
    lines.append(f'  {_END}(["end"])')
    lines += _edges(loose, _END)
    return "\n".join(lines)


Loose = list[tuple[str, str]]
"""Nodes that lead on to whatever comes next, each with the words at its arrow."""


def _chart(steps: Sequence[Node], loose: Loose, lines: list[str]) -> Loose:
    for one in steps:
        name = f"s_{one.step}"
        told = [f"<b>{_quoted(one.step)}</b>", _quoted(one.words), *([_quoted(one.counts)] if one.counts else [])]
        left, right = ("{{", "}}") if one.ways else ("[", "]")
        lines.append(f'  {name}{left}"{"<br/>".join(told)}"{right}')
        lines += _edges(loose, name)
        loose = []
        for way in one.ways:
            words = f"{way.words} ({way.passed:,})" if way.passed else way.words
            after = _chart(way.steps, [(name, words)], lines)
            if way.ends:
                lines += _edges(after, _END)
            else:
                loose += after
        if not one.ways:
            if one.ends:
                lines += _edges([(name, "")], _END)
            else:
                loose = [(name, "")]
    return loose


def _edges(loose: Loose, name: str) -> list[str]:
    return [f'  {one} -->|"{_quoted(words)}"| {name}' if words else f"  {one} --> {name}" for one, words in loose]


def _quoted(words: str) -> str:
    for sign, code in (("#", "#35;"), ('"', "#quot;"), ("<", "#lt;"), (">", "#gt;")):
        words = words.replace(sign, code)
    return " ".join(words.split())
