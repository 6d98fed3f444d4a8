"""Fifty segments, of which a change of the data makes one stale and one held."""

from __future__ import annotations

from typing import Any

from tests.world import World

FIFTY_GUARDS: dict[str, Any] = {"exits": {"of_at_least": 4}}
_CITIES = {"c0": "London", "c1": "London", "c2": "London", "c3": "London", "c4": "Rome"}


def fifty_segments(world: World) -> None:
    """Segments older_0 to older_47, londoners and vips; a flow about each kind, all of them with a message."""
    _contacts(world, moved=False)
    for age in range(48):
        world.segment(f"older_{age}", {"where": {"attribute": "age", "gt": age}})
    world.segment("londoners", {"where": {"attribute": "city", "is": "London"}})
    world.segment("vips", {"where": {"attribute": "score", "gt": 0}})
    steps = [{"id": "hi", "send_sms": {"text": "Hi"}}]
    common = {"status": "active", "steps": steps}
    world.flow("about_fine", {**common, "trigger": {"enters": "older_40"}})
    world.flow("about_held", {**common, "trigger": {"any": [{"enters": "older_40"}, {"exits": "londoners"}]}})
    world.flow("about_stale", {**common, "trigger": {"enters": "older_40"}, "where": {"not": {"segment": "vips"}}})


def move_fifty(world: World, *, score: bool = False) -> None:
    """Everybody gets 20 years older, three of four leave London, and column `score` is gone (unless `score`)."""
    world.missing = set() if score else {"contacts.score"}
    _contacts(world, moved=True)


def sizes_of_fifty() -> dict[str, int]:
    """The right sizes after `move_fifty`: londoners and vips stay as they were."""
    ages = [30 + 5 * number for number in range(5)]
    older = {f"older_{age}": sum(one > age for one in ages) for age in range(48)}
    return {**older, "londoners": 4, "vips": 2}


def _contacts(world: World, *, moved: bool) -> None:
    rows = [
        {
            "contact_id": name,
            "city": "Rome" if moved and name in ("c0", "c1", "c2") else city,
            "age": (30 if moved else 10) + 5 * number,
            "score": 1.0 if number < 2 else 0.0,
            "phone": f"+44207946001{number}",
        }
        for number, (name, city) in enumerate(_CITIES.items())
    ]
    world.rows_of("contacts", rows)
