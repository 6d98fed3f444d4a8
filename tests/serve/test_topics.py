"""Topics on the preference page: from the link in a mail to what is sent next."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import requests

from segflow.durations import Duration
from segflow.outbox.links import Links
from segflow.serve.app import app_of
from tests.serve.running import running
from tests.serve.shop import LINK_SECRET, START, messages, shop, suppressed
from tests.world import CATALOG, World

TOPICS = {
    "news": {"default": "opted_in", "attribute": "subscribed", "label": "News & <tea>"},
    "tips": {"default": "opted_out", "description": "How to brew, once a month"},
}
FORM = {"List-Unsubscribe": "One-Click"}


def topical(root: Path) -> World:
    """A shop that has greeted four contacts."""
    world = shop(root, delivery={"mode": "simulate", "public_url": "https://l.example", "link_secret": LINK_SECRET})
    world.catalog({**CATALOG, "topics": TOPICS})
    world.tick(START, send=True)
    return world


def tokens(world: World) -> dict[str, str]:
    own = Links("https://l.example", [LINK_SECRET], Duration.parse("180 days"))
    return {
        contact: own.make(
            "unsubscribe", message_id=message, contact_id=contact, channel="email", flow="f",
            planned_at=datetime.now(UTC),
        ).rpartition("/")[2]
        for contact, message in messages(world).items()
    }  # fmt: skip


def offers(world: World, *topics: str) -> None:
    for topic in topics:
        step = {"id": "x", "topic": topic, "send_email": {"subject": "x", "text": "x"}}
        told = {"trigger": {"enters": "londoners"}, "status": "active", "include_members": True, "steps": [step]}
        world.flow(f"offer_{topic}", told)


def went(world: World) -> dict[str, list[str]]:
    """flow -> who got its message, or why not."""
    found: dict[str, list[str]] = {}
    for row in world.rows("SELECT * FROM segflow.deliveries WHERE flow LIKE 'offer%' ORDER BY flow, contact_id"):
        said = row["contact_id"] if row["outcome"] == "sent" else f"{row['contact_id']}: {row['reason']}"
        found.setdefault(row["flow"], []).append(said)
    return found


def test_from_the_page_to_what_is_sent_next(tmp_path: Path) -> None:
    world = topical(tmp_path / "world")
    links = {contact: f"/unsubscribe/{token}" for contact, token in tokens(world).items()}
    with running(app_of(world.project)) as url:

        def post(contact: str, form: dict[str, str], path: str = "/preferences") -> str:
            return requests.post(f"{url}{links[contact]}{path}", data=form, timeout=30).text

        page = requests.get(f"{url}{links['ana']}/preferences", timeout=30).text
        # By their labels, or else their names; what they are about below. What holds now is not shown.
        assert re.findall(r'<select name="([^"]+)"', page) == ["email", "sms", "whatsapp", "topic:news", "topic:tips"]
        assert "News &amp; &lt;tea&gt;" in page
        assert "Tips" in page
        assert "How to brew, once a month" in page
        assert "selected" not in page
        assert "Your choice is noted." in post("ana", {"topic:news": "off"})
        assert "Your choice is noted." in post("ben", {"topic:tips": "on", "topic:news": "keep"})
        assert "Nothing was changed." in post("ben", {"topic:nothing": "off", "news": "off"})
        # The last word counts, and the same word twice is one choice.
        for said in ("off", "on", "on"):
            post("cleo", {"topic:tips": said})
        # One click leaves marketing on its channel, whatever the message was about, and no topic.
        assert post("dan", FORM, "") == "unsubscribed"
    world.project.reload()
    offers(world, "news", "tips")
    world.tick(START + timedelta(minutes=1), send=True)
    assert went(world) == {
        "offer_news": ["ana: no_consent: topic news", "ben", "cleo", "dan: suppressed: unsubscribed"],
        "offer_tips": ["ana: no_consent: topic tips", "ben", "cleo", "dan: no_consent: topic tips"],
    }
    kept = world.rows("SELECT contact_id, topic, state, source, channel, category FROM segflow.consent_changes")
    assert {(row["contact_id"], row["topic"], row["state"]) for row in kept} == {
        ("ana", "news", "opted_out"), ("ben", "tips", "opted_in"), ("cleo", "tips", "opted_in"),
        ("cleo", "tips", "opted_out"),
    }  # fmt: skip
    assert {(row["source"], row["channel"], row["category"]) for row in kept} == {("preference_page", None, None)}
    assert suppressed(world) == {"email:dan@shop.example": "unsubscribed"}
    world.check_replay()
    world.close()


def test_a_page_of_before_topics_and_a_tick_that_reads_twice(tmp_path: Path) -> None:
    """Lines of a spool that know no topics are read as before; a line that is read again is one choice."""
    from segflow.outbox.spool import LinkUse, Spool, line_of

    use = LinkUse(kind="unsubscribed", message_id="m", contact_id="ana", channel="email", received_at=START)
    old: dict[str, Any] = json.loads(line_of(use).partition(b" ")[2])
    assert "topic" not in old
    world = topical(tmp_path / "world")
    spool = world.project.spool
    assert isinstance(spool, Spool)
    spool.prepare()
    said = LinkUse(
        kind="unsubscribed", message_id="m", contact_id="ana", channel="email", received_at=START, topic="news"
    )
    for minute in (1, 2):
        spool.write([said])
        report = world.tick(START + timedelta(minutes=minute))
        assert (report.answers.records, report.answers.choices) == (1, 1)
    rows = world.rows("SELECT contact_id, topic, state FROM segflow.consent_changes")
    assert rows == [{"contact_id": "ana", "topic": "news", "state": "opted_out"}]
    assert suppressed(world) == {}
    world.close()
