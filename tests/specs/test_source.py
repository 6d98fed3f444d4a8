"""YAML to data and places: the core rules of YAML 1.2, and files made to hurt."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from segflow.specs.spec_file import parse_spec_file, read_spec_file

VALUES: dict[str, Any] = {
    "no": "no",
    "NO": "NO",
    "on": "on",
    "yes": "yes",
    "2026-01-31": "2026-01-31",
    "2026-01-31 09:00:00": "2026-01-31 09:00:00",
    "12:30": "12:30",
    "1_000": "1_000",
    "true": True,
    "False": False,
    "~": None,
    "": None,
    "007": 7,
    "-3": -3,
    "0x1F": 31,
    "0o17": 15,
    ".5": 0.5,
    "1e3": 1000.0,
    "'7'": "7",
    '"true"': "true",
    "1.2.3": "1.2.3",
    "9223372036854775807": 2**63 - 1,
}


@pytest.mark.parametrize(("text", "value"), VALUES.items(), ids=[repr(text) for text in VALUES])
def test_values_follow_the_core_rules(text: str, value: Any) -> None:
    source = parse_spec_file(f"key: {text}\n", "f.yml")
    assert source.issues == []
    assert source.data == {"key": value}
    assert type(source.data["key"]) is type(value)


def test_keys_are_always_text() -> None:
    assert parse_spec_file("on: 1\nno: 2\n3: 4\nnull: 5\n", "f.yml").data == {"on": 1, "no": 2, "3": 4, "null": 5}


def test_places_of_keys_and_values() -> None:
    source = parse_spec_file("a:\n  - b: 1\n    ccc: {d: é, e: x}\n", "f.yml")
    assert source.place(("a", 0, "ccc", "e")) == (3, 20)
    assert source.key_place(("a", 0, "ccc", "e")) == (3, 17)
    assert source.key_place(("a", 0, "missing")) == (2, 5)


def test_aliases_stand_for_what_they_name() -> None:
    source = parse_spec_file("a: &x {b: 1}\nc: [*x, *x]\n", "f.yml")
    assert source.data == {"a": {"b": 1}, "c": [{"b": 1}, {"b": 1}]}


BOMB = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 12)
)
HOSTILE = {
    "duplicate key": ("a: 1\nb: 2\na: 3\n", (3, 1), "a is given twice; the first is on line 1"),
    "tag": ("a: !!python/object/apply:os.system ['ls']\n", (1, 4), "tags"),
    "alias bomb": (BOMB, (5, 10), "stand for more than"),
    "alias in its own anchor": ("a: &x [*x]\n", (1, 8), "inside its own anchor"),
    "unknown alias": ("a: *x\n", (1, 4), "*x is not defined"),
    "tab": ("a:\n\tb: 1\n", (2, 1), "tabs"),
    "two colons": ("a: b: c\n", (1, 5), "second ':'"),
    "bad indentation": ("a:\n  - 1\n b: 2\n", (3, 2), "indentation"),
    "open quote": ("a: 'x\n", (2, 1), "not valid YAML"),
    "reserved character": ("a: @b\n", (1, 4), "cannot start with '@'"),
    "two documents": ("a: 1\n---\nb: 2\n", (2, 1), "second document"),
    "list as a key": ("? [a]\n: 1\n", (1, 3), "key must be a text"),
    "merge key": ("a: &x {b: 1}\nc:\n  <<: *x\n", (3, 3), "merging"),
    "deep lists": ("a: " + "[" * 100_000, (1, 67), "levels deep"),
    "deep mappings": ("{a: " * 100_000, (1, 257), "levels deep"),
    "control character": ("a: \x01\n", (1, 4), "character"),
    "escaped NUL": ('a: "\\0"\n', (1, 4), "NUL"),
    "infinite": ("a: .inf\n", (1, 4), "not a number"),
    "too large": ("a: 1e999\n", (1, 4), "not a number"),
    "ten thousand digits": (f"a: {'9' * 10_000}\n", (1, 4), "not a number"),
}


@pytest.mark.parametrize(("text", "place", "message"), HOSTILE.values(), ids=HOSTILE)
def test_hostile_files_are_located_issues(text: str, place: tuple[int, int], message: str) -> None:
    issues = parse_spec_file(text, "f.yml").issues
    assert [(issue.line, issue.column) for issue in issues] == [place]
    assert message in issues[0].message


def test_other_encodings_are_refused_with_their_place(tmp_path: Path) -> None:
    path = tmp_path / "f.yml"
    path.write_bytes(b"a: 1\ncity: M\xfcnchen\n")
    assert [str(issue) for issue in read_spec_file(path, "f.yml").issues] == [
        "f.yml:2:8: is not UTF-8 text; save it as UTF-8"
    ]


def test_a_byte_order_mark_and_windows_lines_are_fine(tmp_path: Path) -> None:
    path = tmp_path / "f.yml"
    path.write_bytes(b"\xef\xbb\xbfa: 1\r\nb: 2\r\n")
    source = read_spec_file(path, "f.yml")
    assert (source.data, source.issues, source.place(("b",))) == ({"a": 1, "b": 2}, [], (2, 4))
