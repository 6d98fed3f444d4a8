"""Makes what `tests/test_kept_warehouse.py` lives on with. Run it with the code of a build that people have used:

    python -m tests.kept.make 0.1.0_6a1d777      # the version, and the commit

It makes two files in a folder of that name. `before.tar.xz`: the folder of the shop after eight ticks and a ninth that
was killed. `after.json`: what that same build made of it in the ticks that follow, as rows that are gone and rows that
are new. Both stay as they are for as long as warehouses of that build are to tick on; a later build gets a folder of
its own. So what people do after the ninth tick (`edits.yml`, `life.py`, `data.py`) must not change, either.

Nothing of the machine gets into the archive: names are put in the place of those of user and host, and `_pack` looks.
"""

from __future__ import annotations

import contextlib
import http.server
import io
import json
import lzma
import os
import shutil
import sqlite3
import subprocess
import sys
import tarfile
import tempfile
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from unittest import mock

from segflow import Project
from tests.kept import data
from tests.kept.life import AFTER, BEFORE, DIED, HERE, LAST, MET, Life, examined, planned, rows, unpack
from tests.kept.record import changes, files, tables, view_members

KILLED_AT = "advance.before_commit"
_PORT = 8642
_NEVER_KEPT = ("dbt/target", "dbt/logs", "dbt/.user.yml")


def main(name: str) -> None:
    target = HERE / name
    target.mkdir()
    with tempfile.TemporaryDirectory() as folder, _nobody_here():
        root = Path(folder) / "shop"
        lived(root)
        _leave_no_trace(root)
        _pack(root, target / BEFORE)
        after = Path(folder) / "after"
        unpack(target / BEFORE, after)
        _write(target / AFTER, told(after))
    print(f"{target}: {(target / BEFORE).stat().st_size:,} and {(target / AFTER).stat().st_size:,} bytes")


def lived(root: Path) -> None:
    """The shop up to the tick that dies, in folder `root`."""
    shutil.copytree(HERE / "project", root)
    (root / ".segflow").mkdir()
    life = Life(root)
    for number in range(1, DIED):
        data.load(root, number)
        life.edit(number)
        _DEEDS.get(number, lambda _: None)(life)
        with _live(life) if number == 6 else contextlib.nullcontext():
            life.project.tick(data.TICKS[number - 1], send=number != 7)
    life.close()
    data.load(root, DIED)
    life = Life(root)
    life.project.release(flows=["crowd"], reason="they asked for it")
    life.project.retrigger("vip_note", contacts=["c02", "c07", "c10"])
    life.close()
    command = ["-m", "segflow", "--project-dir", str(root), "tick", "--as-of", data.TICKS[DIED - 1].isoformat()]
    environment = os.environ | {"SEGFLOW_CRASH": KILLED_AT}
    done = subprocess.run([sys.executable, *command], env=environment, check=False, capture_output=True)
    assert done.returncode == -9, done
    life = Life(root)
    life.project.release(["doubted"], reason="they moved")
    given = rows(
        x1={"email": "x1@kept.example", "city": "London", "age": 30, "score": 61}, c06={"score": 80, "source": "fair"}
    )
    life.project.import_contacts(given, trigger_flows=True, list_name="met")
    life.project.retrigger("club_list", "club", ignore_reentry=True, reason="the list was lost")
    _tell(life, "opened", "vip_note", 3)
    life.close()


def told(root: Path) -> dict[str, Any]:
    """What becomes of the shop in `root`, as the archive has it: the plan, what the doctor finds, and all changes."""
    kept = tables(root) | files(root)
    found: dict[str, Any] = {"plan": planned(Project(root)), "doctor": examined(root)}
    life = Life(root)
    for number in range(DIED, LAST + 1):
        life.tick(number)
    life.close()
    found["changes"] = changes(kept, tables(root) | files(root))
    found["views"] = view_members(root)
    return found


def _second(life: Life) -> None:
    coming = {"email": "c39@kept.example", "city": "Paris", "age": 44}
    given = rows(x1={"email": "x1@kept.example", "age": 29}, c39=coming, c08={"score": 12.75})
    life.project.import_contacts(given, trigger_flows=True, list_name="fair")


def _fourth(life: Life) -> None:
    life.project.release(["guarded"], reason="we looked")
    life.project.import_contacts(MET, trigger_flows=False, list_name="met")


def _fifth(life: Life) -> None:
    life.project.release(flows=["crowd"])
    life.project.retrigger("vip_note", ignore_reentry=True, reason="a new letter")


def _sixth(life: Life) -> None:
    life.project.freeze("vips", "asked")
    life.project.store.suppress("sms", "+442079460112", "asked for it")
    life.project.store.suppress("email", "C12@kept.example", "bounced")
    _tell(life, "opened", "welcome", 4)


def _eighth(life: Life) -> None:
    assert life.command("compact", "--older-than", "5 days")[0] == 0
    assert life.command("stop-sending", "--reason", "the printer burns")[0] == 0


_DEEDS: dict[int, Callable[[Life], None]] = {2: _second, 4: _fourth, 5: _fifth, 6: _sixth, 8: _eighth}


def _tell(life: Life, kind: Any, flow: str, count: int) -> None:
    """Let a provider tell that messages of a flow were opened, ..."""
    from segflow.outbox.message_events import MessageEvent

    with contextlib.closing(sqlite3.connect(life.root / ".segflow/delivery.db")) as store:
        query = "SELECT message_id FROM messages WHERE flow = ? AND status = 'sent' ORDER BY message_id LIMIT ?"
        sent = [row[0] for row in store.execute(query, (flow, count))]
    assert len(sent) == count, (flow, sent)
    at = data.TICKS[4] + timedelta(hours=3)
    assert life.project.store.message_events.record([MessageEvent(message_id=one, kind=kind, at=at) for one in sent])


@contextlib.contextmanager
def _live(life: Life) -> Iterator[None]:
    """Delivery is live, and the provider hangs up or is busy: messages are unknown or held afterwards."""

    class Provider(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            if self.path == "/busy":
                self.send_response(503)
                self.send_header("Retry-After", "86400")
                self.end_headers()
            # Otherwise the connection ends without an answer.

        def log_message(self, *_: Any) -> None:
            pass

    settings = life.root / "segflow.yml"
    text = settings.read_text(encoding="utf-8")
    server = http.server.ThreadingHTTPServer(("127.0.0.1", _PORT), Provider)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    settings.write_text(text.replace("mode: simulate", "mode: live"), encoding="utf-8")
    life.project.reload()
    try:
        yield
    finally:
        settings.write_text(text, encoding="utf-8")
        life.project.reload()
        server.shutdown()
        server.server_close()


@contextlib.contextmanager
def _nobody_here() -> Iterator[None]:
    """The stores name who decided, and where."""
    with mock.patch("getpass.getuser", return_value="ana"), mock.patch("socket.gethostname", return_value="shop"):
        yield


def _leave_no_trace(root: Path) -> None:
    """Take from the files what the killed process left of this machine; what was overwritten is in them, too."""
    with contextlib.closing(sqlite3.connect(root / ".segflow/delivery.db")) as store:
        died = "holder = 'shop:7', host = 'shop', pid = 7, process = 'gone/7', expires_at = acquired_at"
        assert store.execute(f"UPDATE lease SET {died} WHERE holder IS NOT NULL").rowcount == 1
        store.commit()
        store.execute("VACUUM")
        assert store.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0
    for name in ("delivery.db-wal", "delivery.db-shm"):
        (root / ".segflow" / name).unlink(missing_ok=True)
    for name in _NEVER_KEPT:
        path = root / name
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)


def _pack(root: Path, archive: Path) -> None:
    # Asked of the system, not of what `_nobody_here` stands in for.
    host = os.uname().nodename
    folders = (Path.home(), HERE.parents[1], root.parent, tempfile.gettempdir())
    machine = [f"@{host}", f"{host}:", f"{os.environ.get('USER', 'root')}@", *map(str, folders)]
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for path in sorted(root.rglob("*")):
            if path.is_file():
                told = path.read_bytes()
                found = [word for word in machine if word.encode() in told]
                assert not found, (path, found)
                entry = tarfile.TarInfo(path.relative_to(root).as_posix())
                entry.size = len(told)
                tar.addfile(entry, io.BytesIO(told))
    archive.write_bytes(lzma.compress(content.getvalue(), preset=9 | lzma.PRESET_EXTREME))


def _write(path: Path, found: dict[str, Any]) -> None:
    """JSON with a line per row, so that a difference is a line."""

    def lines(value: Any, depth: int) -> str:
        if isinstance(value, dict) and depth < 3:
            inner = ",\n".join(f"{json.dumps(key)}:{lines(one, depth + 1)}" for key, one in value.items())
            return "{\n" + inner + "\n}"
        if isinstance(value, list) and value and depth > 1:
            return "[\n" + ",\n".join(plain(one) for one in value) + "\n]"
        return plain(value)

    def plain(value: Any) -> str:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))

    path.write_text(lines(found, 0) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1])
