# ruff: noqa: E501 (tables: one case per line)
"""Secrets are nowhere in what a run leaves: files, tables, what is printed."""

from __future__ import annotations

import json
import logging
import sqlite3
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from segflow.cli.main import main
from tests.senders.servers import HttpServer, http_server, status
from tests.world import World

FIRST = datetime(2026, 3, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)
SECRETS = {
    "MAIL_PASSWORD": "zq1MAILpassw0rd",
    "HOOK_SECRET": "whsec_enExSE9PS3NlY3JldGhvb2tzZWNyZXQ=",
    "CHAT_TOKEN": "zq3CHATtoken",
    "SMS_TOKEN": "zq4SMStoken",
    "NEWS_KEY": "SG.zq5NEWSkey",
    "GATE_PASSWORD": "zq6GATEpassword",
}
STEPS: list[dict[str, Any]] = [
    {"id": "mail", "send_email": {"subject": "Hello", "text": "Hello", "sender": "mail"}},
    {"id": "news", "send_email": {"subject": "Hello", "text": "Hello", "sender": "news"}},
    {"id": "text", "send_sms": {"text": "Hello", "sender": "texts"}},
    {"id": "gate", "send_sms": {"text": "Hello", "sender": "gate"}},
    {"id": "hook", "webhook": {"url": "http://127.0.0.1:9/x", "sender": "hook"}},
    {"id": "chat", "notify": {"to": "team", "text": "Hello", "sender": "chat"}},
]


def settings(server: HttpServer) -> dict[str, Any]:
    """Every kind of sender that keeps a secret, all of them failing in some way."""
    at = server.url.removeprefix("http://")
    return {
        "delivery": {"mode": "live", "max_lateness": "10000 days", "max_attempts": 2},
        "senders": {
            "mail": {"type": "smtp", "host": "127.0.0.1", "port": 9, "from": "a@a.example", "username": "u", "password": "${env:MAIL_PASSWORD}"},
            "news": {"type": "sendgrid", "api_key": "${env:NEWS_KEY}", "from": "a@a.example", "url": server.url},
            "texts": {"type": "twilio", "account_sid": "AC" + "0" * 32, "auth_token": "${env:SMS_TOKEN}", "from": "+442079460000", "url": server.url},
            "gate": {"type": "webhook", "url": f"http://u:${{env:GATE_PASSWORD}}@{at}/x", "allow_private": True},
            "hook": {"type": "webhook", "secret": "${env:HOOK_SECRET}", "allow_private": True},
            "chat": {"type": "notify", "people": {"team": f"json://u:${{env:CHAT_TOKEN}}@{at}/"}},
        },
    }  # fmt: skip


def found_in(text: str) -> set[str]:
    # A part of one is as bad.
    return {name for name, secret in SECRETS.items() if secret in text or secret[-12:] in text}


def left(root: Path) -> dict[str, str]:
    """All that a project holds, databases as text."""
    told = {}
    for path in sorted(root.rglob("*")):
        if path.is_file():
            told[str(path.relative_to(root))] = path.read_bytes().decode("latin-1")
    with sqlite3.connect(root / ".segflow/delivery.db") as store:
        told["delivery.db"] = "\n".join(store.iterdump())
    with duckdb.connect(str(root / ".segflow/warehouse.duckdb"), read_only=True) as warehouse:
        tables = warehouse.execute("SELECT table_schema, table_name FROM information_schema.tables").fetchall()
        for schema, table in tables:
            told[f"{schema}.{table}"] = str(warehouse.execute(f'FROM "{schema}"."{table}"').fetchall())
    return told


def test_nothing_that_a_run_leaves_holds_a_secret(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    for name, secret in SECRETS.items():
        monkeypatch.setenv(name, secret)
    root = tmp_path / "world"
    root.mkdir()
    with http_server(status(401, b'{"message": "who are you?"}')) as server:
        world = World(root, settings=settings(server))
        person = {"contact_id": "ana", "city": "Rome", "email": "ana@a.example", "phone": "+442079460018"}
        world.rows_of("contacts", [person])
        world.segment("londoners", {"where": {"attribute": "city", "is": "London"}})
        world.flow("hi", {"status": "active", "trigger": {"enters": "londoners"}, "steps": STEPS})
        world.tick(FIRST)
        world.rows_of("contacts", [{**person, "city": "London"}])
        world.tick(FIRST + DAY, send=True)
        told = world.rows("SELECT outcome, reason FROM segflow.deliveries")
        server.answer = status(400, b"no")
        world.tick(FIRST + 2 * DAY, send=True)
        world.close()
        commands = [
            ("tick", "--as-of", "2026-03-05"),
            ("plan", "--as-of", "2026-03-08"),
            ("doctor",),
            ("validate",),
            ("outbox", "list"),
            ("trace", "ana"),
            ("render", "hi", "mail", "--contact", "ana"),
            *(("sender", "check", name) for name in settings(server)["senders"]),
            *(("send-test", "hi", step, "--to", to, "--contact", "ana") for step, to in (
                ("mail", "me@a.example"), ("text", "+442079460019"), ("gate", "+442079460019"), ("chat", "team"),
            )),
        ]  # fmt: skip
        for format_ in ("table", "json"):
            for command in commands:
                monkeypatch.setattr(sys, "argv", ["segflow", "--project-dir", str(root), "--format", format_, *command])
                with pytest.raises(SystemExit):
                    main()
    assert server.calls, "the senders were asked"
    assert told, json.dumps(told, default=str)
    printed = "".join(capsys.readouterr())
    found = {"printed": printed, "logged": caplog.text, **left(root)}
    assert {place: names for place, text in found.items() if (names := found_in(text))} == {}
    assert found_in(repr(world.project.specs.settings)) == set()


def test_a_setting_that_is_wrong_is_named_without_its_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, secret in SECRETS.items():
        monkeypatch.setenv(name, secret)
    (tmp_path / "segflow.yml").write_text(
        "senders:\n  mail: {type: smtp, host: h, from: a@a.example, port: '${env:MAIL_PASSWORD}', username: u, password: x}\n"
        "  hook: {type: '${env:SMS_TOKEN}'}\n  more: {type: mailbox, path: x, pasword: '${env:NEWS_KEY}'}\n"
        "delivery: {mode: '${env:CHAT_TOKEN}', attachments_at_most: '${env:GATE_PASSWORD}'}\n"
    )
    monkeypatch.setattr(sys, "argv", ["segflow", "--project-dir", str(tmp_path), "validate"])
    with pytest.raises(SystemExit):
        main()
    printed = "".join(capsys.readouterr())
    assert "segflow.yml:2" in printed
    assert found_in(printed) == set()
