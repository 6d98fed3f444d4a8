# ruff: noqa: E501 (a table: one case per line)
"""Tests of messages over the HTTP API: who may send them, where to, how many, and what is left of them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import requests

from segflow.outbox.lease import held_lease
from segflow.serve.api import PREFIX
from segflow.serve.app import app_of
from tests.serve.running import running
from tests.world import World

DAY = datetime(2026, 3, 1, tzinfo=UTC)
ROLES = {"ana": ("analyst", True), "mia": ("marketer", False), "max": ("marketer", True), "ole": ("operator", True)}
LISTED, OTHER = "qa@shop.example", "ben@elsewhere.example"
STEPS: list[dict[str, Any]] = [
    {"id": "hello", "send_email": {"subject": "Hi {{ contact.city }}", "text": "Hello", "fallback": [{"sms": {"text": "Hi"}}]}},
    {"id": "broken", "send_email": {"subject": "x", "text": "{{ contact.score }}"}},
    {"id": "down", "send_email": {"subject": "x", "text": "x", "sender": "down"}},
    {"id": "call", "webhook": {"url": "https://crm.example/"}},
    {"id": "think", "wait": "2 days"},
]  # fmt: skip


class Api:
    def __init__(self, url: str, world: World) -> None:
        store = world.project.store
        self.url, self.world = url, world
        self.keys = {name: store.api_keys.add(name, role, personal_data=more) for name, (role, more) in ROLES.items()}  # type: ignore[arg-type]

    def test(self, key: str, step: str = "hello", flow: str = "hello", **body: Any) -> requests.Response:
        told = {"contact": "c1", "to": LISTED, **body}
        headers = {"Authorization": f"Bearer {self.keys.get(key, key)}"}
        return requests.post(
            f"{self.url}{PREFIX}/flows/{flow}/steps/{step}/test", json=told, headers=headers, timeout=30
        )


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    settings: dict[str, Any] = {
        "delivery": {"allowlist": [LISTED]},
        "serve": {"tests_per_minute": 25},
        "senders": {"down": {"type": "smtp", "host": "127.0.0.1", "port": 1, "from": "a@a.example", "timeout": 1}},
    }
    world = World(tmp_path_factory.mktemp("tests") / "shop", settings=settings)
    world.rows_of("contacts", [{"contact_id": "c1", "city": "Rome", "email": "c1@shop.example", "created_at": DAY}])
    world.segment("all", {"where": {"everyone": True}})
    world.flow("hello", {"status": "active", "trigger": {"enters": "all"}, "steps": STEPS})
    world.tick(DAY)
    with running(app_of(world.project)) as url:
        yield Api(url, world)
    world.project.store.close()
    world.close()


def test_a_marketer_sends_one_in_its_own_name(api: Api) -> None:
    told = api.test("mia")
    assert told.status_code == 200, told.text
    row = told.json()
    assert (row["outcome"], row["address"], row["channel"], row["sent_by"]) == ("sent", LISTED, "email", "api key mia")
    assert (row["flow"], row["step"], row["contact_id"], row["replaced"]) == ("hello", "hello", "c1", False)
    assert api.world.project.store.tests.listing(1)[0]["id"] == row["id"]
    files = sorted((api.world.root / ".segflow/mailbox").rglob("*.eml"))
    assert "Subject: [TEST] Hi Rome" in files[-1].read_text(encoding="utf-8")
    # What is in the message is nobody's answer, and the call has its row.
    assert "Rome" not in told.text
    path = f"{PREFIX}/flows/hello/steps/hello/test"
    assert [(one["key"], one["path"], one["status"]) for one in api.world.project.store.api_keys.calls(1)] == [
        ("mia", path, 200)
    ]
    assert api.test("max", to=OTHER).status_code == 200
    assert api.test("ole", channel="sms", to="+44 20 7946 0018").json()["channel"] == "sms"


REFUSED: dict[str, tuple[str, dict[str, Any], int, str]] = {
    "nobody": ("sfk_guessed", {}, 401, "not known"),
    "an analyst": ("ana", {}, 403, "this needs a key of role marketer"),
    "a marketer without personal data": ("mia", {"to": OTHER}, 403, "key mia has no personal data: its tests go to addresses of delivery.allowlist alone"),
    "an unknown flow": ("mia", {"flow": "hi"}, 404, "unknown flow hi"),
    "an unknown step": ("max", {"step": "helo"}, 422, "flow hello has no step helo (did you mean hello?)"),
    "a step that sends nothing": ("max", {"step": "think"}, 422, "sends no message"),
    "a webhook": ("max", {"step": "call", "to": "https://crm.example/"}, 422, "to contacts: email, sms, whatsapp"),
    "an unknown contact": ("max", {"contact": "c9"}, 422, "there is no contact c9"),
    "an address that is none": ("max", {"to": "here"}, 422, "here"),
    "a channel that it has not": ("max", {"channel": "whatsapp"}, 422, "sends nothing by whatsapp"),
    "a channel that is none": ("max", {"channel": "fax"}, 422, "channel"),
    "a text that cannot be filled": ("max", {"step": "broken"}, 422, "template_error"),
    "a key of the body that is unknown": ("max", {"subject": "x"}, 422, "subject"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_refused(api: Api, name: str) -> None:
    key, changes, status, words = REFUSED[name]
    before = len(api.world.project.store.tests.listing(1000))
    response = api.test(key, **changes)
    assert (response.status_code, words in response.text) == (status, True), response.text
    assert len(api.world.project.store.tests.listing(1000)) == before


def test_none_while_sending_is_stopped_or_a_tick_is_at_work(api: Api) -> None:
    store = api.world.project.store
    store.stop_sending("wrong price")
    try:
        response = api.test("max")
        assert (response.status_code, "sending is stopped" in response.text) == (422, True), response.text
    finally:
        store.resume_sending()
    with held_lease(store.leases, "a tick"):
        assert api.test("max").status_code == 503
    assert api.test("max").status_code == 200


def test_so_many_a_minute_and_key(api: Api) -> None:
    key = api.world.project.store.api_keys.add("fast", "marketer")
    # Those that go wrong count, too: they are work all the same.
    assert [api.test(key, flow="hi").status_code for _ in range(26)] == [404] * 25 + [429]
    late = api.test(key)
    assert (late.headers["Retry-After"], "25 tests a minute" in late.text) == ("60", True)
    assert api.test("mia").status_code == 200


def test_what_the_provider_does_not_take(api: Api) -> None:
    file = api.world.root / "segflow.yml"
    file.write_text(file.read_text(encoding="utf-8").replace("delivery:", "delivery:\n  mode: live"), encoding="utf-8")
    response = api.test("max", "down")
    assert (response.status_code, "sender down did not take it" in response.text) == (502, True), response.text
    assert api.world.project.store.tests.listing(1)[0]["outcome"] == "failed"
