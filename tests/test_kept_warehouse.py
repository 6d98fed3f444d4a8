"""A warehouse that an earlier build made ticks on without a difference.

Each folder in `tests/kept` that holds a `before.tar.xz` is the shop as one build left it, in the middle of a tick; its
`after.json` is what the same build made of it in the ticks that follow. See `tests/kept/make.py`.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from segflow import Project
from tests.direct_dbt import DirectProject
from tests.kept.data import TICKS
from tests.kept.life import AFTER, BEFORE, DIED, HERE, LAST, Life, command, examined, opened, planned, unpack
from tests.kept.record import Record, changes, files, same_columns, tables, view_members

BUILDS = sorted(path.parent for path in HERE.glob(f"*/{BEFORE}"))
WITH_DBT = DIED + 1
"""The tick that is lived by dbt itself, too: over what dbt had built in the build before."""


@dataclass(frozen=True)
class Kept:
    """The shop as a build left it. Tests that change anything take a copy."""

    root: Path
    before: Record
    """All that it holds."""
    told: dict[str, Any]
    """What that build made of it."""


@pytest.fixture(scope="module", params=BUILDS, ids=lambda path: path.name)
def kept(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Kept:
    root = tmp_path_factory.mktemp("kept") / "shop"
    unpack(request.param / BEFORE, root)
    return Kept(root, tables(root) | files(root), json.loads((request.param / AFTER).read_text(encoding="utf-8")))


@pytest.fixture
def shop(kept: Kept, tmp_path: Path) -> Path:
    return shutil.copytree(kept.root, tmp_path / "shop")


@dataclass(frozen=True)
class Lived:
    """The shop after its last tick, and on its way there."""

    root: Path
    resumed: Path
    """A copy of it as it was when the tick that had died was done."""
    with_dbt: Record
    """What it held after tick WITH_DBT."""


@pytest.fixture(scope="module")
def lived(kept: Kept, tmp_path_factory: pytest.TempPathFactory) -> Lived:
    folder = tmp_path_factory.mktemp("lived")
    root = shutil.copytree(kept.root, folder / "shop")
    # The build before put no words below an SMS.
    settings = root / "segflow.yml"
    plain = settings.read_text(encoding="utf-8").replace("delivery:\n", 'delivery:\n  opt_out_footer: ""\n')
    settings.write_text(plain, encoding="utf-8")
    life = Life(root, DirectProject)
    life.tick(DIED)
    resumed = shutil.copytree(root, folder / "resumed")
    with opened(root):
        life.tick(WITH_DBT)
        with_dbt = tables(root) | files(root)
        for number in range(WITH_DBT + 1, LAST + 1):
            life.tick(number)
    life.close()
    return Lived(root, resumed, with_dbt)


def now(root: Path, before: Record, **options: Any) -> Record:
    """What the shop holds, as far as the build before knew of it."""
    return same_columns(tables(root, **options) | files(root), before)


def test_its_files_are_valid(kept: Kept) -> None:
    code, told = command(kept.root, "--format", "json", "validate")
    found = json.loads(told)
    assert (code, found["issues"]) == (0, [])
    # Its webhooks went to this machine, which a sender calls no more unless its settings say so.
    known = ("nothing brings in which messages were opened", "allow_private: true")
    assert all(any(words in one["message"] for words in known) for one in found["warnings"])


def test_the_doctor_finds_what_was_left_and_nothing_else(kept: Kept, shop: Path) -> None:
    assert examined(shop) == kept.told["doctor"]


def test_the_plan_knows_of_no_edit(kept: Kept, shop: Path) -> None:
    plan = planned(DirectProject(shop))
    assert plan["changes"] is False
    assert plan == kept.told["plan"]
    assert changes(kept.before, now(shop, kept.before)) == {}


def test_it_lives_on_as_it_would_have(kept: Kept, lived: Lived) -> None:
    found = json.loads(json.dumps(changes(kept.before, now(lived.root, kept.before))))
    told = kept.told["changes"]
    # The build before wrote imported numbers as doubles are printed; they are the same numbers.
    told["contact_imports"] = json.loads(re.sub(r'"(\d+)\.0"', r'"\1"', json.dumps(told["contact_imports"])))
    # It skipped a message of somebody who had left when it claimed it; now it is withdrawn before.
    left = [row for row in told["deliveries"]["new"] if row[9] == "not_enrolled: exit_when"]
    for row in left:
        row[9] = "withdrawn: exit_when"
    for row in told["store.messages"]["new"]:
        if row[0] in {one[0] for one in left}:
            row[6] = None
    texts_as_before(lived.root, found["files"]["new"])
    emails_as_before(lived.root, found["files"]["new"], told["files"]["new"])
    # It did not record who decided about a message, and of a release nothing at all.
    found["deliveries"]["new"] = [row for row in found["deliveries"]["new"] if row[8] != "released"]
    found["store.attempts"]["new"] = [row for row in found["store.attempts"]["new"] if row[2] != "released"]
    for row in found["deliveries"]["new"]:
        if row[8] == "dropped":
            assert row[9].startswith("dropped by ")
            row[9] = "dropped by hand"
    # Where a flow has no description its templates print nothing; the build before printed the word None.
    for one in (told, found):
        rows = one["files"]["new"]
        rows[:] = [row for row in rows if "293bc908.eml" not in row[0]]
    otherwise = differences(told, found)
    assert not otherwise, "\n".join(otherwise)
    assert view_members(lived.root) == kept.told["views"]


def texts_as_before(root: Path, rows: list[Any]) -> None:
    """Marketing texts end with a footer now. Without it they are as they were."""
    for row in rows:
        paths = list(root.glob(row[0].rpartition("/")[0] + "/*.json")) if "/sms/" in row[0] else []
        for path in paths:
            if path.name[:8] == row[0].rpartition("/")[2][:8]:
                kept = json.loads(path.read_text(encoding="utf-8"))
                kept["text"] = kept["text"].removesuffix("\nReply STOP to opt out.")
                content = json.dumps(kept, indent=2, ensure_ascii=False) + "\n"
                row[1] = hashlib.sha256(content.encode()).hexdigest()[:8]


def emails_as_before(root: Path, rows: list[Any], told: list[Any]) -> None:
    """An email that has HTML only gets a text part now. Without it, it is as it was."""
    for row in rows:
        if row in told or not row[0].endswith(".eml"):
            continue
        for path in root.glob(row[0].rpartition("/")[0] + "/*.eml"):
            if path.name[:8] == row[0].rpartition("/")[2][:8]:
                row[1] = hashlib.sha256(html_alone(path.read_bytes())).hexdigest()[:8]


def html_alone(data: bytes) -> bytes:
    """An email of two parts as it is without the first one."""
    head, _, rest = data.partition(b"\r\n\r\n")
    headers, _, boundary = head.partition(b'Content-Type: multipart/alternative; boundary="')
    html = rest.split(b"--" + boundary.rstrip(b'"'))[2]
    return headers + html.removeprefix(b"\r\n").removesuffix(b"\r\n")


def differences(told: dict[str, Any], found: dict[str, Any]) -> list[str]:
    """What is otherwise than it would have been, in words: the first rows of each table."""
    nothing: dict[str, list[Any]] = {"gone": [], "new": []}
    words = []
    for table in sorted({*told, *found}):
        ours, theirs = found.get(table, nothing), told.get(table, nothing)
        for kind in nothing:
            missing = [row for row in theirs[kind] if row not in ours[kind]]
            surplus = [row for row in ours[kind] if row not in theirs[kind]]
            if ours[kind] != theirs[kind]:
                words.append(
                    f"{table}, {kind}: {len(missing)} missing {missing[:2]}, {len(surplus)} too many {surplus[:2]}"
                )
    return words


def test_dbt_itself_builds_the_same(lived: Lived) -> None:
    life = Life(lived.resumed)
    life.tick(WITH_DBT)
    life.close()
    assert changes(lived.with_dbt, tables(lived.resumed) | files(lived.resumed)) == {}


def test_a_rebuild_makes_the_same_of_its_ledgers(kept: Kept, shop: Path) -> None:
    (shop / ".segflow/warehouse.duckdb").unlink()
    rebuilt = Project(shop).rebuild()
    assert (rebuilt.tick_id, rebuilt.place, rebuilt.new_file) == (f"{TICKS[DIED - 1]:%Y%m%dT%H%M%SZ}", "cross", True)
    # What dbt builds is built by the next tick.
    before = {table: rows for table, rows in kept.before.items() if table != "contacts"}
    assert changes(before, now(shop, before, left_out=["contacts"])) == {}
