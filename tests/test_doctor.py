"""The doctor: what it finds in a project that is broken in one place, what it mends, and what it leaves alone."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
from sqlalchemy import update

from segflow.cli.main import main
from segflow.doctor.examine import CHECKS, examine
from segflow.doctor.findings import Checked
from segflow.doctor.workspace import ExaminedWorkspace
from segflow.outbox.breaker import Rest
from segflow.outbox.lease import held_lease
from segflow.outbox.schema import lease as leases
from segflow.outbox.schema import messages
from segflow.outbox.store import DeliveryStore
from tests.direct_dbt import DirectProject
from tests.test_resume import FIRST, made
from tests.world import World

DEAD = 2**22 + 1
"""A pid that no process has."""


@pytest.fixture(scope="module")
def healthy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("doctor") / "world"
    world = made(root)
    world.project.store.close()
    world.close()
    return root


@pytest.fixture
def root(healthy: Path, tmp_path: Path) -> Path:
    copied = tmp_path / "world"
    shutil.copytree(healthy, copied)
    return copied


@pytest.fixture(autouse=True)
def directly(monkeypatch: pytest.MonkeyPatch) -> None:
    """The worlds were built without dbt, which would look for their models elsewhere, and need seconds to do so."""
    monkeypatch.setattr(ExaminedWorkspace, "models", DirectProject.models)


def found(root: Path, repair: bool = False) -> dict[str, Checked]:
    return {checked.check: checked for checked in examine(root, repair)}


def wrong(root: Path, repair: bool = False) -> dict[str, list[str]]:
    """Check -> what it found."""
    return {
        name: [one.what for one in checked.findings]
        for name, checked in found(root, repair).items()
        if checked.findings
    }


def store_of(root: Path) -> DeliveryStore:
    return DeliveryStore(root / ".segflow/delivery.db")


def claim(root: Path, *, handed: bool) -> None:
    """A process died with three messages claimed."""
    with store_of(root) as store:
        lease = store.leases.acquire("sender", 60)
        with store._database.write("test") as connection:
            connection.execute(update(messages).values(status="planned", due_at=messages.c.planned_at))
        store.claim(lease, "mailbox", 3, FIRST + timedelta(days=9), hand_over=handed, repeatable=False)
        store.leases.release(lease)


def run(root: Path, sql: str) -> None:
    with duckdb.connect(str(root / ".segflow/warehouse.duckdb")) as connection:
        connection.execute(sql)


def stop_in_the_middle(root: Path) -> None:
    project = DirectProject(root)

    def stop(_: object, stage: str) -> None:
        if stage == "advance":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        project.tick(FIRST + timedelta(days=2), progress=stop)
    project.store.close()


def build_in_part(root: Path) -> None:
    run(root, "UPDATE segflow.membership_masks SET tick_id = '20260303T000000Z'")
    run(root, "UPDATE segflow.model_builds SET tick_id = '20260303T000000Z' WHERE model = 'membership_masks'")


def edit(root: Path, path: str, text: str) -> None:
    (root / path).write_text(text, encoding="utf-8")


def leave(root: Path, path: str, age: float = 0) -> None:
    target = root / path
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text("half", encoding="utf-8")
    os.utime(target, (time.time() - age, time.time() - age))


def hold(root: Path, **changes: Any) -> None:
    with store_of(root) as store:
        store.leases.acquire("somebody", 600)
        with store._database.write("test") as connection:
            connection.execute(update(leases).values(**changes))


def garble(path: Path, begin: int = 4096) -> None:
    data = bytearray(path.read_bytes())
    data[begin:] = b"\xa5" * (len(data) - begin)
    path.write_bytes(data)


BROKEN: dict[str, tuple[Callable[[Path], object], dict[str, str]]] = {
    "settings": (lambda root: edit(root, "segflow.yml", "nmae: x\n"), {"settings": "segflow.yml:1:1"}),
    "a segment": (lambda root: edit(root, "segment_specs/londoners.yml", "where: {}\n"), {"specs": "londoners.yml"}),
    "another rule": (
        lambda root: edit(root, "segment_specs/londoners.yml", "where: {attribute: city, is: Rome}\n"),
        {"models": "membership_masks.sql differs from the specs and 1 more"},
    ),
    "lease of a dead process": (lambda root: hold(root, pid=DEAD), {"lease": "somebody (pid 4194305 on "}),
    "stopped": (lambda root: store_of(root).stop_sending("wrong price"), {"sending": "wrong price"}),
    "a provider that is down": (
        lambda root: store_of(root).set_mark("breaker:crm", Rest.after(None, datetime.now(UTC), "HTTP 503").dump()),
        {"senders": " after 5 transient errors in a row: HTTP 503"},
    ),
    "claims": (lambda root: claim(root, handed=False), {"messages": "3 messages claimed by a process that is gone"}),
    "no delivery store": (
        lambda root: (root / ".segflow/delivery.db").unlink(),
        {"delivery store": "delivery.db is not there, though there is a warehouse"},
    ),
    "a garbled delivery store": (
        lambda root: garble(root / ".segflow/delivery.db"),
        {"delivery store": "damaged|malformed"},
    ),
    "no warehouse": (
        lambda root: (root / ".segflow/warehouse.duckdb").unlink(),
        {"warehouse": "is not there, though tick 20260302T000000Z, done was committed"},
    ),
    "no warehouse file": (
        lambda root: edit(root, ".segflow/warehouse.duckdb", "no database, and long enough to look at" * 99),
        {"warehouse": "is damaged"},
    ),
    "a half-done tick": (stop_in_the_middle, {"tick": "tick 20260303T000000Z stopped after cross"}),
    "mixed generations": (
        build_in_part,
        {"generations": "built for tick 20260303T000000Z, others were not: contacts for 20260302T000000Z"},
    ),
    "a missing ledger file": (
        lambda root: (root / ".segflow/ledgers/segment_entries/20260302T000000Z.parquet").unlink(),
        {"ledgers": "segment_entries/20260302T000000Z.parquet is missing"},
    ),
    "a damaged ledger file": (
        lambda root: garble(root / ".segflow/ledgers/outbox/20260302T000000Z.parquet", 40),
        {"ledgers": "outbox/20260302T000000Z.parquet cannot be read"},
    ),
    "rows removed by hand": (
        lambda root: run(root, "DELETE FROM segflow.segment_entries WHERE tick_id = '20260302T000000Z'"),
        {"ledgers": "holds 0 rows of tick 20260302T000000Z in segment_entries instead of"},
    ),
    "leftovers": (
        lambda root: leave(root, f"exports/.x.csv.{DEAD}.partial"),
        {"leftovers": "left half-written"},
    ),
    "leftovers without a process": (
        lambda root: leave(root, ".segflow/mailbox/2026-03-01/sms/.m.json.partial", age=3600),
        {"leftovers": "left half-written"},
    ),
    "a warehouse set aside": (
        lambda root: leave(root, ".segflow/warehouse.duckdb.damaged-20260301T000000Z"),
        {"leftovers": "set aside"},
    ),
}  # fmt: skip


def test_a_healthy_project(root: Path) -> None:
    assert wrong(root) == {}
    assert [checked.state for checked in examine(root)] == ["fine"] * len(CHECKS)


def test_a_new_project(tmp_path: Path) -> None:
    (tmp_path / "new").mkdir()
    world = World(tmp_path / "new", real=True)
    (tmp_path / "new/.segflow/warehouse.duckdb").unlink()
    world.segment("all", {"where": {"everyone": True}})
    world.project.write_models()
    assert wrong(tmp_path / "new") == {}
    assert list((tmp_path / "new/.segflow").iterdir()) == []


def test_tables_of_the_users_are_no_sign_of_ticks(tmp_path: Path) -> None:
    world = World(tmp_path, real=True)
    world.rows_of("contacts", [{"contact_id": "1001"}])
    assert (tmp_path / ".segflow/warehouse.duckdb").exists()
    assert "delivery store" not in wrong(tmp_path)


@pytest.mark.parametrize(("damage", "said"), BROKEN.values(), ids=BROKEN.keys())
def test_what_is_broken_is_named_and_the_rest_is_looked_at(
    root: Path, damage: Callable[[Path], object], said: dict[str, str]
) -> None:
    damage(root)
    checks = found(root)
    assert list(checks) == list(CHECKS)
    names = {name for name, checked in checks.items() if checked.findings}
    assert names == set(said)
    for name, words in said.items():
        (finding, *_) = checks[name].findings
        assert any(word in finding.what for word in words.split("|")), finding.what
        assert finding.means
        assert finding.do
    assert checks["disk"].state in ("fine", "skipped")


MENDED = {
    "lease of a dead process": "taken over with token",
    "claims": "judged; all of them are planned again",
    "a missing ledger file": "1 files written again",
    "a damaged ledger file": "1 files written again",
    "leftovers": "removed",
    "leftovers without a process": "removed",
}


@pytest.mark.parametrize("name", MENDED)
def test_what_is_safe_is_mended(root: Path, name: str) -> None:
    BROKEN[name][0](root)
    mended = [one.mended for checked in found(root, repair=True).values() for one in checked.findings]
    assert len(mended) == 1
    assert MENDED[name] in str(mended[0])
    assert wrong(root) == {}


NOT_MENDED = sorted(set(BROKEN) - set(MENDED))


@pytest.mark.parametrize("name", NOT_MENDED)
def test_what_a_person_must_decide_stays(root: Path, name: str) -> None:
    BROKEN[name][0](root)
    before = wrong(root)
    assert wrong(root, repair=True) == before


def test_claims_that_were_handed_over_become_unknown_and_wait(root: Path) -> None:
    claim(root, handed=True)
    (finding,) = found(root, repair=True)["messages"].findings
    assert finding.mended == "judged; 3 of them are unknown now"
    (finding,) = found(root, repair=True)["messages"].findings
    assert finding.what == "3 messages of unknown outcome"
    assert finding.since is not None
    assert "segflow outbox release | drop" in finding.do
    # The next tick books them, and hands none of them over.
    world = World.__new__(World)
    world.root, world.real, world._open = root, False, None
    world.tick(FIRST + timedelta(days=2), send=True)
    rows = world.rows("SELECT outcome, tick_id FROM segflow.deliveries WHERE outcome = 'unknown'")
    assert rows == [{"outcome": "unknown", "tick_id": "20260303T000000Z"}] * 3


def test_nothing_is_mended_while_a_tick_runs(root: Path) -> None:
    leave(root, f"exports/.x.csv.{DEAD}.partial")
    claim(root, handed=True)
    with store_of(root) as store, held_lease(store.leases, "the tick"):
        seen = found(root, repair=True)
        assert seen["lease"].says.startswith("the tick (pid ")
        assert "messages" not in {name for name, checked in seen.items() if checked.findings}
        (told,) = seen["repair"].findings
    assert "nothing was mended: another tick runs: the tick" in told.what
    assert (root / f"exports/.x.csv.{DEAD}.partial").exists()


def test_files_of_living_processes_stay(root: Path) -> None:
    leave(root, f"exports/.x.csv.{os.getpid()}.partial")
    leave(root, "exports/.20260303T000000Z.partial")
    assert wrong(root, repair=True) == {}


def test_a_folder_that_cannot_be_written(root: Path) -> None:
    shutil.rmtree(root / "exports", ignore_errors=True)
    (root / "exports").write_text("a file", encoding="utf-8")
    assert "exports cannot be written: a part of the path is a file" in wrong(root)["disk"][0]


def test_a_check_that_fails_is_a_finding(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: object) -> Checked:
        raise ZeroDivisionError("by zero")

    monkeypatch.setitem(CHECKS, "tick", fail)
    assert wrong(root) == {"tick": ["the check failed: ZeroDivisionError: by zero"]}


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str]]:
    def call(root: Path, *arguments: str) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["segflow", "--project-dir", str(root), "doctor", *arguments])
        with pytest.raises(SystemExit) as end:
            main()
        return int(end.value.code or 0), capsys.readouterr().out

    return call


def test_the_command(root: Path, command: Callable[..., tuple[int, str]]) -> None:
    code, out = command(root, "--format", "json")
    assert (code, json.loads(out)["fine"]) == (0, True)
    hold(root, pid=DEAD)
    code, out = command(root, "--format", "json")
    assert code == 1
    (told,) = [row for row in json.loads(out)["checks"] if row["state"] == "found"]
    assert (told["check"], told["do"]) == ("lease", "nothing, or segflow doctor --repair")
    assert told["since"].startswith("20")
    assert command(root)[0] == 1
    code, out = command(root, "--repair", "--format", "json")
    assert (code, [row["check"] for row in json.loads(out)["checks"] if row["state"] == "mended"]) == (0, ["lease"])
    assert command(root)[0] == 0


def test_the_warehouse_is_in_use(root: Path) -> None:
    script = "import duckdb, sys; c = duckdb.connect(sys.argv[1]); print('open', flush=True); sys.stdin.read()"
    arguments = [sys.executable, "-c", script, str(root / ".segflow/warehouse.duckdb")]
    with subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "open\n"
        assert "in use by another process" in wrong(root)["warehouse"][0]
        with store_of(root) as store, held_lease(store.leases, "the tick"):
            assert found(root)["warehouse"].says == "not looked at: a tick is at work on the warehouse"
        process.kill()


CALLS = """\
status: active
trigger: {{enters: {segment}}}
steps:
  - {{id: named, webhook: {{url: "https://crm.example/x", sender: hooks}}}}
  - {{id: literal, webhook: {{url: "http://10.0.0.1/x", sender: hooks}}}}
  - {{id: allowed, webhook: {{url: "https://crm.example/x", sender: inside}}}}
  - {{id: filled, webhook: {{url: "https://{{{{ contact.contact_id }}}}.example/x", sender: hooks}}}}
"""
SENDERS = "senders: {hooks: {type: webhook}, inside: {type: webhook, allow_private: true}}\n"


@pytest.mark.parametrize(
    ("mode", "steps"),
    [("simulate", ["literal: 10.0.0.1"]), ("live", ["named: crm.example is 10.9.8.7", "literal: 10.0.0.1"])],
)
def test_webhooks_that_lie_inside(root: Path, monkeypatch: pytest.MonkeyPatch, mode: str, steps: list[str]) -> None:
    segment = sorted((root / "segment_specs").glob("[!c]*.yml"))[0].stem
    edit(root, "flow_specs/calls.yml", CALLS.format(segment=segment))
    edit(root, "segflow.yml", f"{(root / 'segflow.yml').read_text()}\n{SENDERS}delivery: {{mode: {mode}}}\n")
    real = socket.getaddrinfo

    def resolve(host: Any, *rest: Any, **named: Any) -> Any:
        assert mode == "live" or host != "crm.example", "a name was resolved for nothing"
        return real("10.9.8.7" if host == "crm.example" else host, *rest, **named)

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    findings = found(root)["webhooks"].findings
    assert [one.what for one in findings] == [f"flow calls, step {step}, a private address" for step in steps]
    assert all("allow_private: true" in one.do for one in findings)
