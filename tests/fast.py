"""What `make test` leaves to `make test-slow`: marked `slow`. Every room of the engine keeps some of its tests."""

from __future__ import annotations

from pathlib import Path

SLOW: dict[str, frozenset[str]] = {
    name: frozenset(kept)
    for name, kept in {
        "crash": (),
        "dagster/test_component.py": (),
        "dagster/test_daemon.py": (),
        "dagster/test_dbt_tests.py": (),
        "dagster/test_every.py": ("test_its_freshness_follows_its_period",),
        "dagster/test_guards.py": (),
        "dagster/test_history.py": (),
        "dagster/test_by_hand.py": (),
        "dagster/test_online_retail.py": (),
        "dagster/test_read_only.py": (),
        "dagster/test_retries.py": ("test_which_runs_are_retried",),
        "dagster/test_spare.py": ("test_what_ships_is_warm_and_the_default_is_not",),
        "dagster/test_tick_job.py": ("test_two_ticks_show_their_numbers_and_the_second_one_sends",),
        "dbt_macros": (),
        "demo/test_on_postgres.py": (),
        "demo/test_on_spark.py": (),
        "demo/test_screen.py": (),
        "demo/test_shop.py": (),
        "demo/test_staging.py": (),
        "docs/test_site.py": (),
        "docs/test_stories.py": ("test_what_fits", "test_only_what_cannot_be_run_is_not_run"),
        "explain/test_explain.py": ("test_the_command",),
        "explain/test_flips.py": (),
        "explain/test_sql_parts.py": ("test_each_part_says_whether_it_has_the_contact",),
        "imports/test_catalog.py": (),
        "imports/test_freeze.py": (),
        "imports/test_ticks.py": ("test_an_import_moves_contacts_in_both_directions",),
        "outbox/test_adopt.py": (),
        "outbox/test_kill.py": (),
        "outbox/test_lease.py": (),
        "outbox/test_postgres.py": (),
        "outbox/test_send.py": ("test_messages_become_files_and_deliveries", "test_each_check_has_its_own_reason"),
        "outbox/test_speed.py": ("test_four_statements_and_one_transaction_per_group",),
        "segments/test_build.py": (),
        "segments/test_fact_patches.py": (),
        "segments/test_property.py": (),
        "segments/test_published.py": (),
        "segments/test_rule_tests.py": (),
        "segments/test_sessions.py": (),
        "segments/test_texts.py": (),
        "senders/test_guide.py": (),
        "serve/test_told_by_a_model.py": ("test_rows_become_message_events_once",),
        "serve/test_under_load.py": (),
        "test_bench.py": ("test_the_peak_of_a_tick_is_its_own",),
        "test_cli.py": (),
        "test_deletions.py": ("test_deleting_again_after_a_restore",),
        "test_direct_dbt.py": (),
        "test_doctor.py": ("test_a_healthy_project", "test_a_new_project"),
        "test_edits.py": (),
        "test_eighty_columns.py": ("test_help_breaks_no_word",),
        "test_event_flows.py": ("test_messages_say_what_triggered_them",),
        "test_every.py": ("test_the_plan_says_when_it_is_compared", "test_preview_looks_at_now"),
        "test_exports.py": ("test_cells", "test_numbers_stay_numbers", "test_formats", "test_wrong_names"),
        "test_exports_since.py": (),
        "test_facts.py": ("test_who_passes_an_edge", "test_in_words"),
        "test_generations.py": ("test_a_reader_between_ticks",),
        "test_guards.py": (),
        "test_guards_past.py": (),
        "start/test_from_dbt.py": (),
        "start/test_from_server.py": ("test_what_is_refused",),
        "start/test_start.py": ("test_a_template_leaves_out_what_the_data_has_nothing_for",),
        "test_half_made.py": ("test_what_builds_models_says_that_there_is_no_dbt_project",),
        "test_history.py": ("test_an_edit_is_told_from_a_change",),
        "test_kept_warehouse.py": (),
        "test_limits.py": (),
        "test_lost_store.py": (),
        "test_messages.py": (),
        "test_online_retail.py": (),
        "test_plan.py": ("test_a_plan_writes_nothing", "test_a_failed_statement_is_not_run_again"),
        "test_properties_builds.py": (),
        "test_properties_causes.py": (),
        "test_properties_flows.py": (),
        "test_properties_survival.py": (),
        "test_rebuild.py": ("test_nothing_to_rebuild_from",),
        "test_resume.py": (),
        "test_rights.py": (),
        "test_small_disk.py": (),
        "test_sources.py": (),
        "test_takeover.py": (),
        "test_timeline.py": (),
        "test_triggers.py": (),
        "test_timed_naive.py": (),
        "test_wheel.py": (),
        "test_your_dbt_project.py": (),
        "warehouse/test_dbt.py": (),
        "warehouse/test_postgres.py": ("test_conditions_mean_what_the_naive_model_says",),
        "warehouse/test_dbt_index.py": (),
        "warehouse/test_move.py": (),
        "warehouse/test_postgres_commands.py": (),
        "warehouse/test_postgres_project.py": ("test_the_first_tick",),
        "warehouse/test_spark_carry.py": ("test_rows_come_over_as_they_are",),
        "warehouse/test_spark_commands.py": (),
        "warehouse/test_spark_move.py": (),
        "warehouse/test_spark_move_scenarios.py": (),
        "warehouse/test_spark_project.py": (
            "test_a_target_that_is_none",
            "test_a_server_that_cannot_be_reached",
            "test_a_session_that_is_left_asks_its_server_no_more",
        ),
        "warehouse/test_spark_kills.py": (
            "test_a_server_that_stands_still_is_given_up",
            "test_two_that_commit_at_once",
            "test_what_was_never_committed_is_cleared",
        ),
    }.items()
}
"""File or folder below `tests` -> the tests of it that are fast all the same."""
SCENARIOS = "test_scenarios.py"
EVERY = 9
"""Of the scenarios every ninth is fast: a dozen, from all files."""


def is_slow(file: Path, test: str, number: int) -> bool:
    """Is a test (its function's name) of a file (below `tests`) left out? `number` is its place in the file."""
    if file.as_posix() == SCENARIOS:
        return number % EVERY != 0
    place = next((name for name in (file.as_posix(), file.parts[0]) if name in SLOW), None)
    return place is not None and test not in SLOW[place]
