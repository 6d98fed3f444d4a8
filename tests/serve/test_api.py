"""The HTTP API over a real server: what each role may, what pages hold, what calls leave."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests

from segflow.outbox.lease import held_lease
from segflow.serve.api import PREFIX
from segflow.serve.app import app_of
from tests.serve.running import running
from tests.world import World

DAY = datetime(2026, 3, 1, tzinfo=UTC)
ROLES = {"ana": ("analyst", False), "ben": ("analyst", True), "mia": ("marketer", False), "ole": ("operator", False)}
"""key -> role, and whether it may read personal data."""


@dataclass
class Api:
    """A server, and a key for each of ROLES."""

    url: str
    keys: dict[str, str]
    world: World

    def get(self, path: str, key: str | None = "ana", **query: Any) -> requests.Response:
        return requests.get(self.url + PREFIX + path, params=query, headers=self._headers(key), timeout=30)

    def post(self, path: str, body: Any, key: str | None = "mia") -> requests.Response:
        return requests.post(self.url + PREFIX + path, json=body, headers=self._headers(key), timeout=30)

    def _headers(self, key: str | None) -> dict[str, str]:
        return {} if key is None else {"Authorization": f"Bearer {self.keys.get(key, key)}"}


def contacts(world: World, *londoners: str) -> None:
    world.rows_of(
        "contacts",
        [
            {
                "contact_id": f"c{n}",
                "city": "London" if f"c{n}" in londoners else "Rome",
                "email": f"c{n}@shop.example",
                "subscribed": True,
                "age": n,
                "created_at": DAY - timedelta(days=9),
            }
            for n in range(1, 8)
        ],
    )


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """Seven contacts; c1 to c5 are Londoners from the first tick on, then c5 leaves and c6 comes."""
    world = World(tmp_path_factory.mktemp("api") / "shop")
    world.segment("londoners", {"owner": "ana@shop.example", "where": {"attribute": "city", "is": "London"}})
    world.segment("romans", {"where": {"attribute": "city", "is": "Rome"}})
    letter = {"id": "hello", "send_email": {"subject": "Hi {{ contact.city }}", "text": "Hello"}}
    world.flow("hello", {"status": "active", "trigger": {"enters": "londoners"}, "steps": [letter]})
    contacts(world, "c1", "c2", "c3", "c4", "c5")
    world.tick(DAY)
    contacts(world, "c1", "c2", "c3", "c4", "c6")
    world.tick(DAY + timedelta(days=1), send=True)
    store = world.project.store
    keys = {name: store.api_keys.add(name, role, personal_data=more) for name, (role, more) in ROLES.items()}  # type: ignore[arg-type]
    app = app_of(world.project)
    with running(app) as url:
        yield Api(url, keys, world)
    store.close()
    world.close()


def ids(response: requests.Response) -> list[str]:
    assert response.status_code == 200, response.text
    return [row["contact_id"] for row in response.json()["rows"]]


def test_segments_are_those_of_the_last_tick(api: Api) -> None:
    told = api.get("/segments").json()
    assert told["tick_id"] == "20260302T000000Z"
    found = {one["segment"]: (one["members"], one["change"], one["owner"]) for one in told["segments"]}
    assert found == {"londoners": (5, 0, "ana@shop.example"), "romans": (2, 0, None)}


def test_members_come_in_pages(api: Api) -> None:
    seen, after, pages = [], None, 0
    while True:
        response = api.get("/segments/londoners/members", limit=2, **({"after": after} if after else {}))
        seen += ids(response)
        after, pages = response.json()["next"], pages + 1
        if after is None:
            break
    assert (seen, pages) == (["c1", "c2", "c3", "c4", "c6"], 3)
    first = api.get("/segments/londoners/members", limit=1).json()["rows"][0]
    assert first == {"contact_id": "c1", "entry_number": 1, "entered_at": "2026-03-01T00:00:00.000000Z"}


@pytest.mark.parametrize("at", ["20260301T000000Z", "2026-03-01T23:59:59Z"])
def test_members_as_of_an_earlier_tick(api: Api, at: str) -> None:
    assert ids(api.get("/segments/londoners/members", at=at)) == ["c1", "c2", "c3", "c4", "c5"]


def test_attributes_and_conditions_are_for_keys_with_personal_data(api: Api) -> None:
    condition = "{attribute: age, gte: 3}"
    for query in ({"columns": "city"}, {"where": condition}):
        assert api.get("/segments/londoners/members", **query).status_code == 403
    response = api.get("/segments/londoners/members", "ben", columns="city,age", where=condition)
    assert [(row["contact_id"], row["city"]) for row in response.json()["rows"]] == [
        (name, "London") for name in ("c3", "c4", "c6")
    ]
    assert [row["age"] for row in response.json()["rows"]] == [3, 4, 6]


CROSSINGS = {
    "all entries": ("entries", {}, ["c1", "c2", "c3", "c4", "c5", "c6"]),
    "from a time on, that time included": ("entries", {"since": "2026-03-02T00:00:00Z"}, ["c6"]),
    "until a time, that time excluded": ("entries", {"until": "2026-03-02"}, ["c1", "c2", "c3", "c4", "c5"]),
    "exits": ("exits", {"since": "2026-03-01"}, ["c5"]),
    "none": ("exits", {"since": "2026-03-03"}, []),
}


@pytest.mark.parametrize(("kind", "query", "expected"), CROSSINGS.values(), ids=CROSSINGS)
def test_crossings_in_a_period(api: Api, kind: str, query: dict[str, str], expected: list[str]) -> None:
    response = api.get(f"/segments/londoners/{kind}", **query)
    assert ids(response) == expected
    assert {row["cause"] for row in response.json()["rows"]} <= {"baseline", "data"}


def test_a_contact_and_its_segments(api: Api) -> None:
    told = api.get("/contacts/c6/segments").json()
    since = {"entered_at": "2026-03-02T00:00:00.000000Z", "entry_number": 1}
    assert told["segments"] == [{"segment": "londoners", **since}]


def test_messages_of_a_contact(api: Api) -> None:
    told = api.get("/contacts/c6/messages").json()
    assert [(row["action"], row["flow"], row["step"]) for row in told["messages"]] == [
        ("planned", "hello", "hello"), ("sent", "hello", "hello"),
    ]  # fmt: skip
    assert told["waiting"] == []
    assert api.get("/contacts/nobody/messages").status_code == 404


def test_explain_shows_values_to_whom_they_may_be_shown(api: Api) -> None:
    plain, full = (api.get("/segments/londoners/explain/c6", key, as_of="2026-03-02").json() for key in ("ana", "ben"))
    assert (plain["member"], full["member"]) == (True, True)
    assert (plain["answer"]["found"], full["answer"]["found"]) == ({}, {"city": "London"})


def test_flows(api: Api) -> None:
    (one,) = api.get("/flows").json()["flows"]
    assert (one["flow"], one["enrolled"], one["planned"], one["paused"]) == ("hello", 1, 1, None)
    picture = api.get("/flows/hello").json()
    assert "hello" in json.dumps(picture)


def test_a_marketer_pauses_and_resumes_in_its_own_name(api: Api) -> None:
    assert api.post("/flows/hello/pause", {"reason": "wrong price"}, "ana").status_code == 403
    told = api.post("/flows/hello/pause", {"reason": "wrong price"})
    assert told.status_code == 200, told.text
    assert (told.json()["decided_by"], told.json()["reason"]) == ("api key mia", "wrong price")
    (one,) = api.get("/flows").json()["flows"]
    assert one["paused"].startswith("paused by api key mia since ")
    again = api.post("/flows/hello/pause", {"reason": "again"})
    assert (again.status_code, "already" in again.json()["detail"]) == (422, True)
    assert api.post("/flows/hello/resume", {"reason": "mended"}).status_code == 200


def test_a_marketer_retriggers(api: Api) -> None:
    told = api.post("/flows/hello/retrigger", {"reason": "second try", "contacts": ["c1"]})
    assert told.status_code == 200, told.text
    assert (told.json()["decided_by"], told.json()["flow"]) == ("api key mia", "hello")


REFUSED = {
    "no key": ("GET", "/segments", None, None, 401),
    "a key that nobody made": ("GET", "/segments", "sfk_guessed", None, 401),
    "an unknown segment": ("GET", "/segments/parisians/members", "ana", None, 404),
    "a name that is none": ("GET", "/segments/..%2f..%2fetc/members", "ana", None, 404),
    "a quote in a name": ("GET", "/segments/x'--/members", "ana", None, 422),
    "a page mark of nobody": ("GET", "/segments/londoners/members?after=eHg=", "ana", None, 422),
    "too many rows": ("GET", "/segments/londoners/members?limit=10001", "ana", None, 422),
    "a time that is none": ("GET", "/segments/londoners/entries?since=soon", "ana", None, 422),
    "an unknown attribute": ("GET", "/segments/londoners/members?columns=shoe", "ben", None, 422),
    "a condition that is none": ("GET", "/segments/londoners/members?where={atribute: city}", "ben", None, 422),
    "an unknown flow": ("POST", "/flows/bye/pause", "mia", {"reason": "x"}, 404),
    "no reason": ("POST", "/flows/hello/pause", "mia", {}, 422),
    "a key of the body that is unknown": ("POST", "/flows/hello/pause", "mia", {"reason": "x", "until": 1}, 422),
    "a marketer who releases": ("POST", "/release", "mia", {"reason": "x", "segments": ["londoners"]}, 403),
    "a marketer who rebuilds": ("POST", "/rebuild", "mia", {"reason": "x"}, 403),
    "nothing is held": ("POST", "/release", "ole", {"reason": "x", "segments": ["londoners"]}, 422),
    "an analyst who reads calls": ("GET", "/calls", "ben", None, 403),
}


@pytest.mark.parametrize(("method", "path", "key", "body", "status"), REFUSED.values(), ids=REFUSED)
def test_what_is_refused(api: Api, method: str, path: str, key: str | None, body: Any, status: int) -> None:
    response = api.get(path, key) if method == "GET" else api.post(path, body, key)
    assert response.status_code == status, response.text
    if status == 401:
        assert response.headers["WWW-Authenticate"] == "Bearer"


def test_a_key_that_was_revoked_counts_no_more(api: Api) -> None:
    keys = api.world.project.store.api_keys
    key = keys.add("short", "analyst")
    assert api.get("/segments", key).status_code == 200
    keys.revoke("short")
    assert api.get("/segments", key).status_code == 401


def test_while_a_tick_is_at_work_callers_are_told_to_wait(api: Api) -> None:
    with held_lease(api.world.project.store.leases, "a tick"):
        response = api.get("/segments")
        assert (response.status_code, response.headers["Retry-After"]) == (503, "5")
    assert api.get("/segments").status_code == 200


def test_calls_leave_rows_and_no_keys(api: Api) -> None:
    api.get("/segments", "ben")
    api.get("/segments", "sfk_guessed")
    rows = api.get("/calls", "ole").json()["calls"]
    assert [(row["key"], row["role"], row["path"], row["status"]) for row in rows[:2]] == [
        (None, None, f"{PREFIX}/segments", 401), ("ben", "analyst", f"{PREFIX}/segments", 200),
    ]  # fmt: skip
    held = b"".join(path.read_bytes() for path in Path(api.world.root / ".segflow").glob("delivery.db*"))
    assert not [name for name, key in api.keys.items() if key.encode() in held]


def test_the_description_names_every_route_and_needs_a_key(api: Api) -> None:
    described = requests.get(f"{api.url}{PREFIX}/openapi.json", timeout=10).json()
    routes = {(path.removeprefix(PREFIX), method) for path, one in described["paths"].items() for method in one}
    assert {("/segments/{segment}/members", "get"), ("/flows/{flow}/pause", "post")} <= routes
    assert all("security" in operation for one in described["paths"].values() for operation in one.values())
