"""Memberships from tick to tick: whom they are made anew for, when for all contacts and why, and that it comes to the
same."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from segflow.doctor.examine import examine
from segflow.models import build_plans
from segflow.models.build_plans import told
from tests.facts_world import FactsWorld
from tests.world import COLUMNS

FIRST = datetime(2026, 1, 14, tzinfo=UTC)
BOUGHT = {"event": "purchase", "within_last": "3 days", "count": {"gte": 1}}
IN_X, IN_Y = {"attribute": "city", "is": "x"}, {"attribute": "city", "is": "y"}
QUERY = "select contact_id from {{ ref('contacts') }} where city = 'y'"
TEA = {"object": "item", "where": {"field": "category", "is": "tea"}, "count": {"gte": 1}}


def lived(root: Path, *, real: bool = False, every: int = 24) -> FactsWorld:
    """Four contacts and segments of every kind that others are made of, after two ticks."""
    world = FactsWorld(root, real=real, settings={"facts": {"verify_every": every}})
    world.segment("buyers", {"where": {"all": [IN_X, BOUGHT]}})
    world.segment("asked", QUERY)
    world.segment("refers", {"where": {"any": [{"segment": "asked"}, {"segment": "buyers"}]}})
    world.segment("listed", {"where": {"list": "vip"}})
    world.segment("tea", {"where": TEA})
    world.segment("soon", {"where": {"attribute": "renews_at", "within_next": "2 days"}})
    world.add("events", contact_id="ana", name="purchase", at="2026-01-13", arrived_at="2026-01-13", properties="{}")
    world.add("orders", contact_id="ana", order_id="0", ordered_at="2026-01-13", arrived_at="2026-01-13")
    world.add("items", order_id="0", item_id="h", category="tea", arrived_at="2026-01-13")
    world.tick(FIRST)
    world.tick(FIRST + timedelta(hours=1))
    return world


def check(world: FactsWorld) -> None:
    """The memberships are what they would be if all were made now."""
    there, in_full = world.members_in_full()
    assert there == in_full


def _bought(world: FactsWorld, at: str) -> None:
    stamp = "2026-01-14 01:00"
    world.add("events", contact_id="bo", name="purchase", at=at, arrived_at=stamp, properties="{}")


def _late(world: FactsWorld) -> None:
    world.add(
        "events", contact_id="bo", name="purchase", at="2026-01-12", arrived_at="2026-01-14 01:00", properties="{}"
    )


def _no_other_fact(world: FactsWorld) -> None:
    """A row that changes no fact: it lies before every window."""
    world.add(
        "events", contact_id="bo", name="purchase", at="2025-01-12", arrived_at="2026-01-14 01:00", properties="{}"
    )


def _item(world: FactsWorld) -> None:
    world.add("orders", contact_id="cy", order_id="1", ordered_at="2026-01-13", arrived_at="2026-01-14 01:00")
    world.add("items", order_id="1", item_id="i", category="tea", arrived_at="2026-01-14 01:00")


def _attribute(world: FactsWorld) -> None:
    world.run("UPDATE raw.contacts SET city = 'y' WHERE contact_id = 'ana'")


def _unused_attribute(world: FactsWorld) -> None:
    world.run("UPDATE raw.contacts SET age = 7 WHERE contact_id = 'ana'")


def _new(world: FactsWorld) -> None:
    world.run("INSERT INTO raw.contacts (contact_id, city) VALUES ('eve', 'x')")


def _gone(world: FactsWorld) -> None:
    world.run("DELETE FROM raw.contacts WHERE contact_id = 'ana'")


def _listed(world: FactsWorld) -> None:
    world.run("INSERT INTO raw.lists (contact_id, name, added_at) VALUES ('di', 'vip', '2026-01-14 00:30')")


def _renews(world: FactsWorld) -> None:
    world.run("UPDATE raw.contacts SET renews_at = '2026-01-15' WHERE contact_id = 'di'")


TOUCHING: dict[str, tuple[Callable[[FactsWorld], None], int]] = {
    "nothing": (lambda world: None, 0),
    "a late purchase": (_late, 1),
    "a row that changes no fact": (_no_other_fact, 1),
    "an object": (_item, 1),
    "an attribute, by which she is also in a .sql segment": (_attribute, 1),
    "an attribute that no rule looks at": (_unused_attribute, 1),
    "a contact comes": (_new, 1),
    "a contact is gone": (_gone, 1),
    "a list": (_listed, 1),
    "an attribute that moves with time": (_renews, 1),
}


@pytest.mark.parametrize("name", TOUCHING)
def test_who_is_touched(tmp_path: Path, name: str) -> None:
    change, touched = TOUCHING[name]
    world = lived(tmp_path)
    change(world)
    report = world.tick(FIRST + timedelta(hours=2))
    assert (report.memberships, report.errors) == ("", [])
    assert world.memberships() == (None, touched)
    check(world)
    assert world.rows("SELECT * FROM segflow.touched_contacts") == []
    world.close()


def _rule(world: FactsWorld) -> None:
    world.segment("buyers", {"where": IN_Y})


def _query(world: FactsWorld) -> None:
    world.segment("asked", QUERY.replace("'y'", "'x'"))


def _dropped(world: FactsWorld) -> None:
    world.run("DROP TABLE segflow.membership_masks")


def _contacts_dropped(world: FactsWorld) -> None:
    world.run("DROP TABLE segflow.contacts")


def _note(world: FactsWorld) -> None:
    world.run("DELETE FROM segflow.model_builds WHERE model = 'membership_masks'")


def _note_of_a_part(world: FactsWorld) -> None:
    """As whoever builds a model by hand does it."""
    world.run("DELETE FROM segflow.model_builds WHERE model = 'contacts'")


def _rests(world: FactsWorld) -> None:
    world.segment("asked", f"-- every: 1 day\n{QUERY}")


IN_FULL: dict[str, tuple[Callable[[FactsWorld], None], str]] = {
    "a rule is edited": (_rule, "edited"),
    "a query is edited": (_query, "all of a part of it may have changed"),
    "the table is gone": (_dropped, "the table was gone"),
    "the contacts' table is gone": (_contacts_dropped, "all of a part of it may have changed"),
    "the note is gone": (_note, "first build"),
    "a part was built by hand": (_note_of_a_part, "all of a part of it may have changed"),
    "a segment rests that others refer to": (_rests, "members of segments that rest are read"),
}


@pytest.mark.parametrize("name", IN_FULL)
def test_what_makes_them_anew_for_all(tmp_path: Path, name: str) -> None:
    change, why = IN_FULL[name]
    world = lived(tmp_path)
    change(world)
    if name == "a segment rests that others refer to":
        world.tick(FIRST + timedelta(hours=1, minutes=30))
    assert world.tick(FIRST + timedelta(hours=2)).memberships == why
    if "rests" not in name:
        check(world)
        assert world.tick(FIRST + timedelta(hours=3)).memberships == ""
        check(world)
    world.close()


def _most(world: FactsWorld) -> None:
    world.run("UPDATE raw.contacts SET city = 'y' WHERE contact_id IN ('ana', 'bo', 'cy')")


def _two_and_one(world: FactsWorld) -> None:
    world.run("UPDATE raw.contacts SET city = 'z' WHERE contact_id = 'ana'")
    for who in ("bo", "cy"):
        stamp = "2026-01-14 01:00"
        world.add("events", contact_id=who, name="purchase", at="2026-01-13", arrived_at=stamp, properties="{}")


MOST: dict[str, tuple[Callable[[FactsWorld], None], str]] = {
    "of one of its parts": (_most, "all of a part of it may have changed"),
    "of all parts together": (_two_and_one, "most contacts changed"),
}


@pytest.mark.parametrize("name", MOST)
def test_when_most_contacts_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    change, why = MOST[name]
    world = lived(tmp_path)
    monkeypatch.setattr(build_plans, "FEW", 0)
    change(world)
    assert world.tick(FIRST + timedelta(hours=2)).memberships == why
    check(world)
    assert world.tick(FIRST + timedelta(hours=3)).memberships == ""
    check(world)
    world.close()


def test_a_part_that_is_broken_and_mended(tmp_path: Path) -> None:
    world = lived(tmp_path)
    world.run("ALTER TABLE raw.events RENAME COLUMN name TO called")
    _attribute(world)
    report = world.tick(FIRST + timedelta(hours=2))
    assert "segment buyers is stale" in report.errors[0]
    world.run("ALTER TABLE raw.events RENAME COLUMN called TO name")
    report = world.tick(FIRST + timedelta(hours=3))
    assert (report.memberships, report.errors) == ("first build", [])
    check(world)
    world.close()


def test_contact_ids_that_are_there_twice(tmp_path: Path) -> None:
    """Two rows that are alike in all columns are two rows: whose they are is not known."""
    world = lived(tmp_path)
    names = ", ".join(name for name in COLUMNS["contacts"])
    world.run(f"INSERT INTO raw.contacts ({names}) SELECT {names} FROM raw.contacts WHERE contact_id = 'bo'")
    with pytest.raises(Exception, match="more than once: bo"):
        world.tick(FIRST + timedelta(hours=2))
    world.run("DELETE FROM raw.contacts WHERE contact_id = 'bo'")
    _new(world)
    world.tick(FIRST + timedelta(hours=3))
    assert [row["contact_id"] for row in world.rows("SELECT contact_id FROM segflow.contacts ORDER BY 1")] == [
        "ana",
        "cy",
        "di",
        "eve",
    ]
    check(world)
    world.close()


def test_wrong_memberships_are_found_told_and_healed(tmp_path: Path) -> None:
    world = lived(tmp_path, every=4)
    world.run("UPDATE segflow.membership_masks SET mask_0 = 0 WHERE contact_id = 'ana'")
    reports = [world.tick(FIRST + timedelta(hours=hour)) for hour in (2, 3, 4, 5)]
    assert [len(report.errors) for report in reports] == [0, 0, 1, 0]
    told_so = "memberships were patched from tick to tick and not right any more: 2 rows differed"
    assert reports[2].errors[0].startswith(told_so)
    check(world)
    world.close()


def test_in_words() -> None:
    assert told({"a": "", "b": ""}, "") == "2 fact models patched; memberships patched"
    assert told({"a": ""}, "edited") == "1 fact model patched; memberships in full: edited"
    assert told({"a": "", "b": "edited"}, None) == "1 of 2 fact models in full: edited (1)"
    assert told({"a": "no arrived_at"}, "") is None


def test_with_dbt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The macros do what their stand-in in the other tests does."""
    world = lived(tmp_path, real=True)
    assert world.memberships() == (None, 0)
    for number, change in enumerate((_late, _attribute, _new, _listed, _gone), 2):
        change(world)
        report = world.tick(FIRST + timedelta(hours=number))
        assert (report.memberships, report.errors, world.memberships()[1]) == ("", [], 1), change
        check(world)
    world.run("DELETE FROM raw.events WHERE contact_id = 'bo'")
    report = world.tick(FIRST + timedelta(hours=7))
    assert (report.facts["facts__event_purchase"], report.memberships) == ("rows are gone or changed", "")
    assert world.memberships() == (None, 1)
    check(world)
    monkeypatch.setattr(build_plans, "FEW", 0)
    _most(world)
    assert world.tick(FIRST + timedelta(hours=8)).memberships == "all of a part of it may have changed"
    check(world)
    assert verified(world) == ("fine", [])
    world.run("UPDATE segflow.membership_masks SET mask_0 = 0 WHERE contact_id = 'bo'")
    assert verified(world, repair=True) == ("mended", ["2 rows of memberships are not what they are in full"])
    assert world.tick(FIRST + timedelta(hours=9)).memberships == "first build"
    check(world)
    left = world.rows("SELECT table_name FROM duckdb_tables() WHERE table_name LIKE 'segflow_%'")
    assert left == []
    world.close()


def verified(world: FactsWorld, *, repair: bool = False) -> tuple[str, list[str]]:
    """What `segflow doctor --verify` says of facts and memberships."""
    world.close()
    [found] = [one for one in examine(world.root, repair, verify=True) if one.check == "facts"]
    return found.state, [finding.what for finding in found.findings]
