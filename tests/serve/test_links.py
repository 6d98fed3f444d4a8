"""Links in messages, from the mail to the next tick: unsubscribing, preferences, opens and clicks."""

from __future__ import annotations

import email
import email.policy
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import requests

from segflow.durations import Duration
from segflow.messages import Email
from segflow.outbox.links import SHOWN, BadLinkError, ExpiredLinkError, Links
from segflow.outbox.records import PlannedMessage
from segflow.outbox.render import Renderer
from segflow.outbox.surroundings import Surroundings
from segflow.senders.shared.mime import to_mime
from segflow.specs.settings import TrackingSettings
from tests.outbox.conftest import AS_OF, planned
from tests.serve.server import Served
from tests.serve.shop import DELIVERY, LINK_SECRET, START, messages, shop, suppressed, told
from tests.world import World

HTML = (
    '<p>Hello</p><a class="b" href="https://shop.example/tea?a=1&amp;b=2">tea</a> <a href=\'mailto:x@y.example\'>us</a>'
    '<link href="https://shop.example/style.css"><a data-track="off" href="https://shop.example/plain">x</a>'
    '<a href="{{ unsubscribe_url }}">no more</a></body></html>'
)
TRACKED = {**DELIVERY, "tracking": {"opens": True, "clicks": True}, "mode": "simulate"}
FORM = {"List-Unsubscribe": "One-Click"}


def links(**changes: object) -> Links:
    given = {"public_url": "https://l.example/x/", "secrets": [LINK_SECRET], "expiry": Duration.parse("180 days")}
    return Links(**{**given, **changes})  # type: ignore[arg-type]


def made(by: Links, purpose: str = "unsubscribe", at: datetime = AS_OF, url: str | None = None) -> str:
    return by.make(
        purpose,  # type: ignore[arg-type]
        message_id="m1", contact_id="c1", channel="email", flow="f", planned_at=at, url=url,
    )  # fmt: skip


def test_a_link_says_what_it_was_made_of() -> None:
    url = made(links())
    assert url.startswith("https://l.example/x/unsubscribe/")
    assert made(links()) == url
    link = links().read("unsubscribe", url.rpartition("/")[2], AS_OF)
    assert (link.message_id, link.contact_id, link.channel, link.flow) == ("m1", "c1", "email", "f")
    assert link.expires_at == AS_OF + timedelta(days=180)


def test_forged_and_old_links() -> None:
    token = made(links()).rpartition("/")[2]
    payload, _, signature = token.rpartition(".")
    other = made(links(secrets=["another secret that nobody may know"])).rpartition("/")[2]
    for wrong in ("", ".", "x", payload, f"{payload}.", f"{payload}.{signature[:-1]}", f"x{token}", other, "a" * 9_000):
        with pytest.raises(BadLinkError):
            links().read("unsubscribe", wrong, AS_OF)
    for index in range(len(token) - 1):
        flipped = token[:index] + ("A" if token[index] != "A" else "B") + token[index + 1 :]
        with pytest.raises(BadLinkError):
            links().read("unsubscribe", flipped, AS_OF)
    with pytest.raises(BadLinkError):  # made for something else
        links().read("clicked", token, AS_OF)
    with pytest.raises(ExpiredLinkError):
        links().read("unsubscribe", token, AS_OF + timedelta(days=180))


def test_a_secret_can_be_changed() -> None:
    token = made(links()).rpartition("/")[2]
    after = links(secrets=["the secret that came after that one", LINK_SECRET])
    assert after.read("unsubscribe", token, AS_OF).message_id == "m1"
    with pytest.raises(BadLinkError):
        links().read("unsubscribe", made(after).rpartition("/")[2], AS_OF)


def rendered(tmp_path: Path, tracking: TrackingSettings | None = None, **content: object) -> Email:
    row = planned(1, channel="email", content={"subject": "Hi", "text": "Hello", "html": HTML, **content})
    row |= {"enrolled_at": AS_OF, "planned_at": AS_OF}
    known = {"unsubscribe_url": None, "preferences_url": None}
    renderer = Renderer(tmp_path, links=links(tracking=tracking))
    message = renderer.render(PlannedMessage(**row), {"contact_id": "c1"}, "a@b.example", AS_OF, known)
    assert isinstance(message, Email)
    return message


def test_marketing_can_be_unsubscribed_with_one_click(tmp_path: Path) -> None:
    message = rendered(tmp_path, text="{{ unsubscribe_url }} {{ preferences_url }}")
    url = message.headers["List-Unsubscribe"].strip("<>")
    assert message.headers == {"List-Unsubscribe": f"<{url}>", "List-Unsubscribe-Post": "List-Unsubscribe=One-Click"}
    assert message.text == f"{url} {url}/preferences"
    assert message.html == HTML.replace("{{ unsubscribe_url }}", url)


def test_what_is_no_marketing_has_no_header(tmp_path: Path) -> None:
    assert rendered(tmp_path, category="transactional").headers == {}


def test_the_header_stays_one_line_however_long(tmp_path: Path) -> None:
    message = rendered(tmp_path)
    long = replace(message, headers={**message.headers, "List-Unsubscribe": f"<https://l.example/u/{'x' * 800}>"})
    data = to_mime(long, "shop@shop.example").data
    assert f"\r\nList-Unsubscribe: <https://l.example/u/{'x' * 800}>\r\n".encode() in data
    assert b"\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n" in data


def test_only_links_to_elsewhere_are_counted(tmp_path: Path) -> None:
    message = rendered(tmp_path, TrackingSettings(opens=True, clicks=True))
    html, url = message.html or "", message.headers["List-Unsubscribe"].strip("<>")
    assert html.count("https://l.example/x/c/") == 1
    assert '<a data-track="off" href="https://shop.example/plain">' in html
    for kept in (
        "mailto:x@y.example",
        "https://shop.example/style.css",
        f'<a href="{url}">',
        '<a class="b" href="https://l.',
    ):
        assert kept in html
    target = html.partition('href="')[2].partition('"')[0]
    link = links().read("clicked", target.rpartition("/")[2], AS_OF)
    assert link.url == "https://shop.example/tea?a=1&b=2"
    assert html.endswith('" width="1" height="1" alt="" style="display:block"></body></html>')
    assert message.text == "Hello"


def test_every_message_knows_the_names(tmp_path: Path) -> None:
    world = shop(tmp_path / "world")
    row = PlannedMessage(**planned(1, channel="task", content={}) | {"enrolled_at": AS_OF, "planned_at": AS_OF})
    known = Surroundings(world.project.specs).of(row, None)
    assert (known["unsubscribe_url"], known["preferences_url"]) == (None, None)


@pytest.fixture(scope="module")
def mailed(tmp_path_factory: pytest.TempPathFactory) -> World:
    """A world whose mailbox holds four greetings."""
    world = shop(tmp_path_factory.mktemp("mailed") / "world", delivery=TRACKED)
    world.tick(START, send=True)
    world.close()
    return world


@pytest.fixture(scope="module")
def served(mailed: World, packages: Path) -> Iterator[Served]:
    with Served(mailed.root, packages) as server:
        yield server
        log = server.stop()
    for secret in (LINK_SECRET, "ana", *messages(mailed).values()):
        assert secret not in log


def mail_of(world: World, contact: str) -> dict[str, str]:
    """Header -> value of what the mailbox holds for a contact; `html`, too."""
    folder = world.root / ".segflow/mailbox"
    wanted = f"To: {contact}@shop.example\nSubject: Hello"
    (path,) = [path for path in folder.rglob("*.eml") if wanted in path.read_text(encoding="utf-8")]
    parsed = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
    html = parsed.get_body(("html",))
    assert html is not None
    return {**{name: str(value) for name, value in parsed.items()}, "html": html.get_content()}


def here(served: Served, public: str) -> str:
    """The link, on loopback."""
    return public.strip("<>").replace("https://links.shop.example", served.url)


def url_of(served: Served, world: World, contact: str) -> str:
    return here(served, mail_of(world, contact)["List-Unsubscribe"])


def waiting(world: World) -> list[tuple[str, str, str]]:
    """(kind, contact, channel) of what the spool holds."""
    spool = world.project.spool
    assert spool is not None
    found = [json.loads(line.text.partition(b" ")[2]) for path in spool.files() for line in spool.lines(path)]
    return [(one["kind"], one["contact_id"], one["channel"]) for one in found]


def test_from_the_mail_to_the_next_tick(served: Served, mailed: World) -> None:
    ask = served.session
    ana, ben, cleo, dan = (url_of(served, mailed, name) for name in ("ana", "ben", "cleo", "dan"))

    # Looking changes nothing: scanners follow every link.
    page = ask.get(ana)
    assert page.status_code == 200
    assert "<button>Unsubscribe</button>" in page.text
    assert ask.get(f"{ana}/preferences").status_code == 200
    assert ask.head(ana).status_code == 405
    assert waiting(mailed) == []

    # One click, in both forms, and again.
    for request in ({"data": FORM}, {"files": {name: (None, value) for name, value in FORM.items()}}):
        answer = ask.post(ana, allow_redirects=False, **request)
        assert (answer.status_code, answer.text) == (200, "unsubscribed")
    assert waiting(mailed) == [("unsubscribed", "ana", "email")] * 2

    # The button of the page.
    answer = ask.post(ben, data={"unsubscribe": "yes"}, allow_redirects=False)
    assert (answer.status_code, "You are unsubscribed" in answer.text) == (200, True)

    # The preferences.
    ask.post(f"{cleo}/preferences", data={"email": "off", "sms": "off", "whatsapp": "keep", "x": "off"})
    ask.post(f"{cleo}/preferences", data={"email": "on"})
    assert "Nothing was changed" in ask.post(f"{cleo}/preferences", data={}).text

    # Opens and clicks.
    html = mail_of(mailed, "dan")["html"]
    clicked = here(served, html.partition('href="')[2].partition('"')[0])
    picture = here(served, html.partition('src="')[2].partition('"')[0])
    assert ask.head(clicked, allow_redirects=False).status_code == 302
    answer = ask.get(clicked, allow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (302, "https://shop.example/tea")
    answer = ask.get(picture)
    assert (answer.headers["content-type"], answer.content[:3]) == ("image/gif", b"GIF")
    del dan

    mailed.stay_open()
    mailed.project.reload()
    mailed.tick(START + timedelta(minutes=1))
    assert told(mailed) == [
        ("ana", "unsubscribed"), ("ben", "unsubscribed"), ("cleo", "subscribed"), ("cleo", "unsubscribed"),
        ("dan", "clicked"), ("dan", "opened"),
    ]  # fmt: skip
    clicks = mailed.rows("SELECT url FROM segflow.message_events WHERE url IS NOT NULL")
    assert clicks == [{"url": "https://shop.example/tea"}]
    assert suppressed(mailed) == {
        "email:ana@shop.example": "unsubscribed",
        "email:ben@shop.example": "unsubscribed",
        "sms:+442079460002": "unsubscribed",
    }

    # Marketing is not sent any more, what concerns an order is.
    for name, category in (("offer", "marketing"), ("order", "transactional")):
        step = {"id": "x", "send_email": {"subject": "x", "text": "x", "category": category}}
        trigger = {"trigger": {"enters": "londoners"}, "status": "active", "include_members": True}
        mailed.flow(name, {**trigger, "steps": [step]})
    mailed.tick(START + timedelta(minutes=2), send=True)
    rows = mailed.rows("SELECT flow, contact_id, reason FROM segflow.deliveries WHERE outcome = 'skipped' ORDER BY ALL")
    assert [(row["flow"], row["contact_id"], row["reason"]) for row in rows] == [
        ("offer", "ana", "suppressed: unsubscribed"), ("offer", "ben", "suppressed: unsubscribed"),
    ]  # fmt: skip


def test_the_links_of_a_test_message_change_nothing(served: Served, mailed: World) -> None:
    before = waiting(mailed)
    own = Links("https://links.shop.example", [LINK_SECRET], Duration.parse("180 days"))
    told = {"message_id": SHOWN, "contact_id": "ana", "channel": "email", "flow": "hi", "planned_at": datetime.now(UTC)}
    link = here(served, own.make("unsubscribe", **told))  # type: ignore[arg-type]
    for path, form in (("", FORM), ("", {"unsubscribe": "yes"}), ("/preferences", {"email": "off"})):
        answer = served.session.post(link + path, data=form, allow_redirects=False)
        assert (answer.status_code, "This was a test message" in answer.text) == (200, True)
    assert served.session.get(here(served, own.make("opened", **told))).status_code == 200  # type: ignore[arg-type]
    assert waiting(mailed) == before


@pytest.mark.parametrize(
    ("path", "form", "status"),
    [
        pytest.param("/unsubscribe/{token}", {}, 400, id="no field"),
        pytest.param("/unsubscribe/{token}", {"List-Unsubscribe": "Two-Click"}, 400, id="another value"),
        pytest.param("/unsubscribe/{token}x", FORM, 404, id="changed"),
        pytest.param("/unsubscribe/x{token}", FORM, 404, id="changed in front"),
        pytest.param("/unsubscribe/", FORM, 404, id="nothing"),
        pytest.param("/unsubscribe/1", FORM, 404, id="guessed"),
        pytest.param("/c/{token}", None, 404, id="for something else"),
        pytest.param("/o/{token}", None, 404, id="for something else, too"),
        pytest.param("/c/https://evil.example", None, 404, id="a target of one's own"),
        pytest.param("/unsubscribe/{token}/..", FORM, 404, id="a path"),
        pytest.param("/unsubscribe/{token}/preferences/x", FORM, 404, id="deeper"),
        pytest.param("/unsubscribe/{old}", FORM, 410, id="too old"),
        pytest.param("/unsubscribe/{old}", None, 410, id="too old, looked at"),
        pytest.param("/c/{old_click}", None, 302, id="an old click still gets there"),
    ],
)
def test_wrong_uses(served: Served, mailed: World, path: str, form: dict[str, str] | None, status: int) -> None:
    before = waiting(mailed)
    own = Links("https://links.shop.example", [LINK_SECRET], Duration.parse("180 days"))
    long_ago = datetime.now(UTC) - timedelta(days=181)
    tokens = {
        "token": url_of(served, mailed, "ana").rpartition("/")[2],
        "old": made(own, at=long_ago).rpartition("/")[2],
        "old_click": made(own, "clicked", long_ago, "https://shop.example/").rpartition("/")[2],
    }
    method = "GET" if form is None else "POST"
    request = served.session.prepare_request(requests.Request(method, served.url, data=form))
    request.url = served.url + path.format(**tokens)
    answer = served.session.send(request, allow_redirects=False)
    assert answer.status_code == status
    assert waiting(mailed) == before
