"""A world whose messages go to a provider that calls back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tests.serve.caller import SECRET
from tests.world import World

LINK_SECRET = "a link secret that nobody may see, 1234"
START = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=2)
DELIVERY: dict[str, Any] = {"mode": "live", "public_url": "https://links.shop.example", "link_secret": LINK_SECRET}
SETTINGS: dict[str, Any] = {
    "delivery": DELIVERY,
    "senders": {"caller": {"type": "caller", "secret": SECRET}},
    "default_senders": {"email": "caller", "sms": "caller"},
}
PEOPLE = ("ana", "ben", "cleo", "dan")


def shop(root: Path, **settings: Any) -> World:
    """Four contacts, and a flow that greets by email whoever is in London; not a tick is lived."""
    root.mkdir(parents=True, exist_ok=True)
    world = World(root, settings={**SETTINGS, **settings})
    arrive(world, "London")
    world.segment("londoners", {"where": {"attribute": "city", "is": "London"}, "on_create": "trigger"})
    hello = {
        "subject": "Hello",
        "text": "Hello {{ contact.contact_id }}",
        "html": '<a href="https://shop.example/tea">tea</a>',
    }
    world.flow(
        "welcome",
        {
            "trigger": {"enters": "londoners"},
            "status": "active",
            "include_members": True,
            "steps": [{"id": "hello", "send_email": hello}],
        },
    )
    return world


def arrive(world: World, city: str) -> None:
    """Everybody is in a city."""
    rows = [
        {"contact_id": name, "city": city, "email": f"{name}@shop.example", "phone": f"+4420794600{number:02}"}
        for number, name in enumerate(PEOPLE)
    ]
    world.rows_of("contacts", rows)


def messages(world: World) -> dict[str, str]:
    """contact -> its message."""
    return {row["contact_id"]: row["message_id"] for row in world.rows("SELECT * FROM segflow.outbox")}


def told(world: World) -> list[tuple[str, str]]:
    """(contact, kind) of every message event that ticks have taken."""
    rows = world.rows("SELECT contact_id, kind FROM segflow.message_events ORDER BY ALL")
    return [(row["contact_id"], row["kind"]) for row in rows]


def suppressed(world: World) -> dict[str, str]:
    """channel:address -> reason."""
    return {f"{row['channel']}:{row['address']}": row["reason"] for row in world.project.store.all_suppressions()}
