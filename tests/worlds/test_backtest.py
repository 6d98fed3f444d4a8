"""`segflow backtest`: what it says of past ticks is what those ticks did, and it leaves nothing behind."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from segflow.cli.main import main
from segflow.durations import Duration
from segflow.errors import InputError
from tests.world import World

FIRST = datetime(2026, 3, 1, tzinfo=UTC)
DAY = timedelta(days=1)
FLOW: dict[str, Any] = {
    "status": "active",
    "trigger": {"enters": "buyers"},
    "where": {"attribute": "city", "is": "London"},
    "steps": [
        {"id": "thanks", "send_sms": {"text": "Thanks, {{ contact.city }}"}},
        {"id": "think", "wait": "2 days"},
        {
            "id": "again",
            "branch": {
                "if": {"event": "purchase", "since": "enrollment"},
                "then": [{"id": "done", "exit": True}],
                "else": [{"id": "nudge", "send_email": {"subject": "Come back", "text": "Soon"}}],
            },
        },
    ],
}


def lived(root: Path) -> World:
    """Five ticks in which a flow did something."""
    root.mkdir()
    world = World(root)
    people = [("ana", "London", "+442079460018"), ("bob", "London", None), ("cyd", "Rome", "+442079460019")]
    world.rows_of(
        "contacts",
        [{"contact_id": n, "city": city, "phone": phone, "email": f"{n}@example.org"} for n, city, phone in people],
    )
    bought = [("ana", 2), ("bob", 3), ("cyd", 3), ("ana", 4)]
    world.rows_of(
        "events",
        [
            {"contact_id": n, "name": "purchase", "at": FIRST + day * DAY - DAY / 2, "properties": "{}"}
            for n, day in bought
        ],
    )
    world.segment("buyers", {"where": {"event": "purchase", "count": {"gte": 1}}})
    world.flow("thanks", FLOW)
    for day in range(6):
        world.tick(FIRST + day * DAY, send=True)
    return world


def test_it_says_what_the_ticks_did(tmp_path: Path) -> None:
    world = World.again(lived, tmp_path / "world")
    before = world.ledgers()
    # What the file says now counts, not whether the flow is active.
    world.flow("thanks", {**FLOW, "status": "paused"})
    found = world.project.backtest("thanks", FIRST + DAY, FIRST + 5 * DAY, Duration.parse("1 day"))
    assert world.ledgers() == before
    assert [(one.as_of.day, one.enrolled, one.dropped, one.messages, one.ended) for one in found.ticks] == [
        (2, 0, {}, {}, {}),
        (3, 1, {}, {"thanks": 1}, {}),
        (4, 1, {"filter": 1}, {}, {}),
        (5, 0, {}, {}, {"exit": 1}),
        (6, 0, {}, {"nudge": 1}, {"completed": 1}),
    ]
    assert [one.refused for one in found.ticks if one.refused] == [{"no_address": 1}]
    assert (found.contacts, found.enrolled, found.messages, found.ended, found.active) == (
        ["ana", "bob"], 2, {"nudge": 1, "thanks": 1}, {"completed": 1, "exit": 1}, 0,
    )  # fmt: skip
    assert found.notes == ["attributes have no history: city is read as of now"]
    # The same as the ledgers of the ticks that were lived.
    starts = world.rows("SELECT contact_id, enrolled_at FROM segflow.flow_enrollment_starts ORDER BY ALL")
    assert [(row["contact_id"], row["enrolled_at"].day) for row in starts] == [("ana", 3), ("bob", 4)]
    sent = "SELECT step, count(*) AS n FROM segflow.deliveries WHERE outcome = 'sent' GROUP BY step"
    assert {row["step"]: row["n"] for row in world.rows(sent)} == found.messages


def test_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    world = World.again(lived, tmp_path / "world")
    world.close()

    def run(*words: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["segflow", "--project-dir", str(world.root), "backtest", "thanks", *words])
        monkeypatch.setattr("segflow.project.Project", type(world.project))
        with pytest.raises(SystemExit) as stop:
            main()
        told = capsys.readouterr()
        return int(stop.value.code or 0), told.out, told.err

    code, out, _ = run("--from", "2026-03-02", "--to", "2026-03-04")
    assert code == 0
    assert "3 ticks, 2 enrolled, 1 messages, 2 still inside. Nothing was written or sent." in out
    assert "Entered: ana, bob" in out
    assert "Not as it was: attributes have no history: city is read as of now." in out
    code, out, _ = run("--from", "2026-03-02", "--to", "2026-03-06", "--every", "2 days", "--format", "json")
    assert (code, len(json.loads(out)["ticks"])) == (0, 3)
    for words, told in (
        (("--from", "2026-03-04", "--to", "2026-03-02"), "--to 2026-03-02 00:00 lies before --from 2026-03-04 00:00"),
        (("--from", "2026-03-02", "--to", "2026-03-04", "--every", "often"), "--every often: "),
        (("--from", "1990-03-02", "--to", "2026-03-04"), "that would be more than 2,000 ticks; give a longer --every"),
    ):
        code, _, err = run(*words)
        assert (code, told in err) == (2, True), err
    with pytest.raises(InputError, match="unknown flow thank"):
        world.project.backtest("thank", FIRST, FIRST, Duration.parse("1 day"))


def test_pools_count_as_full(tmp_path: Path) -> None:
    """How many codes are left today says nothing of the past."""
    world = World.again(lived, tmp_path / "world")
    code = {"id": "code", "coupon": "spring", "on_failure": "end"}
    world.flow("thanks", {**FLOW, "steps": [code, *FLOW["steps"]]})
    world.project.add_coupons("spring", ["ONE"])
    found = world.project.backtest("thanks", FIRST + DAY, FIRST + 5 * DAY, Duration.parse("1 day"))
    assert (found.ended, found.messages) == ({"completed": 1, "exit": 1}, {"nudge": 1, "thanks": 1})
    assert [(pool.left, pool.claimed) for pool in world.project.store.coupons.pools()] == [(1, 0)]
