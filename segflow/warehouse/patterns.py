"""Regular expressions as people write them, in the form in which another engine finds the same.

A pattern is written for RE2, as DuckDB has it. Other kinds look alike and mean something else in places: on Postgres
`\\b` is a backspace, `.` finds the end of a line, `\\d` and `\\w` go by the locale; in Java `$` finds a place
before the end, and `(?i)` folds A to Z alone. Each part is read and said anew; what has no form is refused where it is
written.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

_CLASSES = {"d": "0-9", "w": "A-Za-z0-9_", "s": r"\t\n\f\r "}
_CHARACTERS = {"t": r"\t", "n": r"\n", "r": r"\r", "f": r"\f", "v": "\v", "a": r"\a"}
"""A letter for `\\v`, which is a class in Java."""
_NAMED = {
    "alnum": "A-Za-z0-9", "alpha": "A-Za-z", "digit": "0-9", "lower": "a-z", "upper": "A-Z", "word": "A-Za-z0-9_",
    "xdigit": "0-9A-Fa-f", "space": "\\t\\n\v\\f\\r ", "blank": r"\t ",
}  # fmt: skip
_REPEATED = re.compile(r"\{(\d+)(,(\d*))?\}")
_HEX = re.compile(r"x(?:([0-9A-Fa-f]{2})|\{([0-9A-Fa-f]{1,6})\})")
_SPECIAL = set(r".*+?()[]{}|^$\ ".strip())


class PatternError(ValueError):
    """A pattern that an engine cannot be asked for. The message says which part, and what to write."""


@dataclass(frozen=True, eq=False)
class Kind:
    """How the regular expressions of an engine say what RE2 says."""

    title: str
    """The engine."""
    folds: str
    """What stands before a pattern for which large letters are small ones."""
    start: str
    end: str
    """The places before and behind the whole text."""
    edges: Mapping[str, str]
    """`b` and `B`: an edge of a word of ASCII letters, and what is none; those that have no form are not in it."""
    most: int
    """A part is repeated no more often."""


@cache
def translated(pattern: str, kind: Kind) -> str:
    """The pattern for an engine. Raises PatternError."""
    return _Reader(pattern, kind).read()


class _Reader:
    def __init__(self, pattern: str, kind: Kind) -> None:
        self.text, self.at, self.open = pattern, 0, 0
        self.folds, self.kind = False, kind
        self.anchors = {**kind.edges, "A": kind.start, "z": kind.end}

    def read(self) -> str:
        if self.text.startswith("(?i)"):
            self.folds, self.at = True, 4
        said = self._alternatives()
        if self.at < len(self.text):
            raise PatternError("there is a ) without its (")
        # In brackets, because Postgres takes some first letters for orders of its own.
        return f"{self.kind.folds if self.folds else ''}(?:{said})"

    def _alternatives(self) -> str:
        branches = [""]
        while self.at < len(self.text) and self.text[self.at] != ")":
            if self.text[self.at] == "|":
                self.at += 1
                branches.append("")
                continue
            part, repeatable = self._part()
            branches[-1] += part + self._repetition(repeatable)
        # Postgres wants to see a branch that is empty.
        return "|".join(branch or "(?:)" for branch in branches)

    def _part(self) -> tuple[str, bool]:
        """The next part, and whether it may be repeated."""
        character = self.text[self.at]
        self.at += 1
        match character:
            case "(":
                return self._group(), True
            case "[":
                return self._bracket(), True
            case "\\":
                return self._escape()
            case ".":
                return r"[^\n]", True
            case "^" | "$":
                return (self.kind.start if character == "^" else self.kind.end), False
            case "*" | "+" | "?":
                raise PatternError(f"there is nothing before {character} that it could repeat")
            case "{" if found := _REPEATED.match(self.text, self.at - 1):
                raise PatternError(f"there is nothing before {found[0]} that it could repeat")
            case "{" | "}" | "]":
                return f"\\{character}", True
        return _letter(character), True

    def _group(self) -> str:
        if self.text.startswith("?", self.at):
            if self.text.startswith("?:", self.at):
                self.at += 2
            elif name := re.compile(r"\?P?<[A-Za-z_]\w*>").match(self.text, self.at):
                self.at = name.end()
            else:
                mark = self.text[self.at : self.at + 3].rstrip(")")
                raise PatternError(
                    f"({mark} has no form in {self.kind.title}; (?i) works at the very beginning, and (?: anywhere"
                )
        inside = self._alternatives()
        if not self.text.startswith(")", self.at):
            raise PatternError("there is a ( without its )")
        self.at += 1
        return f"(?:{inside})"

    def _repetition(self, repeatable: bool) -> str:
        said = ""
        if self.at < len(self.text) and self.text[self.at] in "*+?":
            said = self.text[self.at]
            self.at += 1
        elif found := _REPEATED.match(self.text, self.at):
            if any(int(number) > self.kind.most for number in (found[1], found[3]) if number):
                raise PatternError(
                    f"{found[0]} is more than the {self.kind.most} times that {self.kind.title} repeats a part"
                )
            if found[3] and int(found[3]) < int(found[1]):
                raise PatternError(f"{found[0]} goes from more to less")
            said, self.at = found[0], found.end()
        if not said:
            return ""
        if not repeatable:
            raise PatternError(f"there is nothing before {said} that it could repeat")
        if self.text.startswith("?", self.at):
            self.at += 1  # how much it finds is nothing to whether it finds
        if self.at < len(self.text) and (self.text[self.at] in "*+?" or _REPEATED.match(self.text, self.at)):
            raise PatternError(f"{said}{self.text[self.at]} repeats a repetition: put brackets around the first")
        return said

    def _escape(self) -> tuple[str, bool]:
        if self.at == len(self.text):
            raise PatternError("it ends with a \\ that stands for nothing")
        character = self.text[self.at]
        if code := _HEX.match(self.text, self.at):
            self.at = code.end()
            return _letter(_character(code[1] or code[2])), True
        self.at += 1
        if character in _CLASSES:
            return f"[{_CLASSES[character]}]", True
        if character.lower() in _CLASSES:
            return f"[^{_CLASSES[character.lower()]}]", True
        if character in self.anchors:
            return self.anchors[character], False
        if character in _CHARACTERS:
            return _CHARACTERS[character], True
        if character.isalnum():
            if character in "bB":
                raise PatternError(
                    f"\\{character} has no form in {self.kind.title}; write what stands there, like (^|\\W)tea(\\W|$)"
                )
            raise PatternError(
                f"\\{character} has no form in {self.kind.title}; write the letters that it means, like [A-Z]"
            )
        return _letter(character), True

    def _bracket(self) -> str:
        found = ""
        negated = self.text.startswith("^", self.at)
        self.at += negated
        first = True
        while first or not self.text.startswith("]", self.at):
            if self.at >= len(self.text):
                raise PatternError("there is a [ without its ]")
            low, single = self._member()
            first = False
            if self.text.startswith("-", self.at) and not self.text.startswith("-]", self.at):
                self.at += 1
                high, other = self._member() if self.at < len(self.text) else ("", False)
                if not (single and other):
                    raise PatternError("a range in [ ] goes from one letter to another")
                if _plain(low) > _plain(high):
                    raise PatternError(f"the range {low}-{high} goes backwards")
                found += f"{low}-{high}"
            else:
                found += low
        self.at += 1
        return f"[{'^' if negated else ''}{found}]"

    def _member(self) -> tuple[str, bool]:
        """One member of a bracket, and whether it is a single letter."""
        if named := re.compile(r"\[:(\^?)(\w+):\]").match(self.text, self.at):
            if named[1] or named[2] not in _NAMED:
                raise PatternError(f"{named[0]} has no form in {self.kind.title}; write the letters that it means")
            self.at = named.end()
            return _NAMED[named[2]], False
        character = self.text[self.at]
        self.at += 1
        if character != "\\":
            return _in_bracket(character), True
        if self.at == len(self.text):
            raise PatternError("there is a [ without its ]")
        if code := _HEX.match(self.text, self.at):
            self.at = code.end()
            return _in_bracket(_character(code[1] or code[2])), True
        character = self.text[self.at]
        self.at += 1
        if character in _CLASSES:
            return _CLASSES[character], False
        if character in _CHARACTERS:
            return _CHARACTERS[character], True
        if character.isalnum():
            raise PatternError(
                f"\\{character} in [ ] has no form in {self.kind.title}; write the letters that it means"
            )
        return _in_bracket(character), True


def _character(code: str) -> str:
    number = int(code, 16)
    if not 0 < number < 0x110000:
        raise PatternError(f"\\x{code} is no character that a text can hold")
    return chr(number)


def _letter(character: str) -> str:
    return f"\\{character}" if character in _SPECIAL else character


def _in_bracket(character: str) -> str:
    return f"\\{character}" if character in "\\]^-[&~" else character


def _plain(member: str) -> str:
    return {rf"\{name}": chr("abtnvfr".index(name) + 7) for name in "abtnvfr" if name != "b"}.get(member, member[-1])
