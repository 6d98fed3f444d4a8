"""The scenarios of tests/scenarios: what a marketer could have written down, and the engine must do."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.planned import Planned
from tests.scenarios.runner import Scenario, scenarios
from tests.world import World

ALL = scenarios()
PLANNED = (
    "crossings/a_sql_segment_becomes_a_yaml_segment_and_back",
    "crossings/a_removed_file_ends_all_memberships",
    "delivery_limits/caps_and_quiet_hours_skip_or_hold_with_their_reasons",
    "delivery_limits/contacts_who_share_an_address_get_a_message_of_a_flow_once",
    "delivery_limits/topics_whose_subscribers_are_a_list",
    "edits/an_edit_while_held_pushes_out_who_is_caught_up",
    "edits/a_step_that_is_gone_leads_to_the_next_that_is_there",
    "edits/an_edit_in_trigger_enrolls_who_comes_and_ends_who_goes",
    "guards/a_release_counts_once",
    "imports/imported_with_no_and_with_yes",
    "triggers/a_person_retriggers_a_flow",
    "triggers/renamed_in_every_way",
)
"""Those whose ticks are all planned first, and must do what was planned."""


@pytest.mark.parametrize("name", ALL)
def test_scenario(name: str, tmp_path: Path) -> None:
    scenario = (Planned if name in PLANNED else Scenario)(ALL[name], tmp_path)
    scenario.run()
    scenario.world.close()


@pytest.mark.parametrize(
    "spoilt",
    [
        "DELETE FROM segflow.segment_members WHERE contact_id = 'ana'",
        "UPDATE segflow.contact_state SET gone_at = NULL",
        "INSERT INTO segflow.flow_positions SELECT * FROM segflow.flow_positions",
        "UPDATE segflow.segment_entries SET cause = 'data'",
    ],
    ids=["state row gone", "state value", "state row twice", "ledger value"],
)
def test_the_check_of_each_tick_sees_what_is_spoilt(spoilt: str, tmp_path: Path) -> None:
    world = World(tmp_path)
    people = [{"contact_id": name, "city": "London"} for name in ("ana", "bob")]
    world.segment("londoners", {"where": {"attribute": "city", "is": "London"}, "on_create": "trigger"})
    steps = [{"id": "think", "wait": "9 days"}]
    world.flow("hi", {"status": "active", "trigger": {"enters": "londoners"}, "steps": steps})
    for day, there in enumerate((people, people[:1]), start=1):
        world.rows_of("contacts", there)
        world.tick(datetime(2026, 3, day, tzinfo=UTC))
    world.check_replay()
    world.run(spoilt)
    with pytest.raises(AssertionError):
        world.check_replay()
    world.close()


def test_what_is_planned_is_there() -> None:
    assert set(PLANNED) <= set(ALL)
