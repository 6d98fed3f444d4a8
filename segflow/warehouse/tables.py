"""The engine's own tables in schema `segflow`: columns, and whether they are ledgers or state.

Ledgers are append-only and carry `tick_id`; state is replaced as a whole and follows from the ledgers (or from the
delivery store). Names and columns that DESIGN calls the public contract must not change; columns may be added.
"""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa

SCHEMA = "segflow"


@dataclass(frozen=True)
class Table:
    name: str
    columns: dict[str, str]
    """Column -> type in sqlglot's (DuckDB's) words: VARCHAR, TIMESTAMP (UTC, naive), BIGINT, BOOLEAN."""
    ledger: bool
    stage: str | None = None
    """The stage that completes this ledger's rows of a tick. None: state, `ticks` (every commit writes it), or a copy
    of what the delivery store holds."""


def _table(name: str, columns: str, *, ledger: bool, stage: str | None = None) -> Table:
    split = [column.split() for column in columns.split(",")]
    return Table(name, {pair[0]: pair[1] for pair in split}, ledger, stage)


_CROSSING = "entry_number BIGINT, cause VARCHAR, triggers BOOLEAN, segment_version BIGINT, tick_id VARCHAR"

TABLES: dict[str, Table] = {
    table.name: table
    for table in (
        _table(
            "ticks",
            "tick_id VARCHAR, as_of TIMESTAMP, stage VARCHAR, status VARCHAR, started_at TIMESTAMP, "
            "finished_at TIMESTAMP, contacts BIGINT, null_contacts BIGINT, bounds VARCHAR, compiled VARCHAR, "
            "previous_tick VARCHAR, ledger_rows VARCHAR",
            ledger=True,
        ),
        _table(
            "segment_versions",
            "segment_key VARCHAR, segment VARCHAR, segment_version BIGINT, fingerprint VARCHAR, spec VARCHAR, "
            "compiled_sql VARCHAR, contacts VARCHAR, models VARCHAR, parts VARCHAR, tick_id VARCHAR",
            ledger=True,
            stage="cross",
        ),
        _table(
            "segment_state",
            "segment_key VARCHAR, segment VARCHAR, segment_version BIGINT, status VARCHAR, reason VARCHAR",
            ledger=False,
        ),
        _table(
            "segment_members",
            "segment_key VARCHAR, segment VARCHAR, contact_id VARCHAR, entered_at TIMESTAMP, entry_number BIGINT, "
            "segment_version BIGINT",
            ledger=False,
        ),
        _table(
            "segment_entries",
            f"segment_key VARCHAR, segment VARCHAR, contact_id VARCHAR, entered_at TIMESTAMP, {_CROSSING}",
            ledger=True,
            stage="cross",
        ),
        _table(
            "segment_exits",
            "segment_key VARCHAR, segment VARCHAR, contact_id VARCHAR, exited_at TIMESTAMP, entered_at TIMESTAMP, "
            f"{_CROSSING}",
            ledger=True,
            stage="cross",
        ),
        _table(
            "segment_sizes",
            "segment_key VARCHAR, segment VARCHAR, tick_id VARCHAR, as_of TIMESTAMP, members BIGINT, entered BIGINT, "
            "exited BIGINT, status VARCHAR, reason VARCHAR, segment_version BIGINT, on_change VARCHAR",
            ledger=True,
            stage="cross",
        ),
        _table("segment_views", "segment VARCHAR, fingerprint VARCHAR", ledger=False),
        _table(
            "time_zones",
            "zone VARCHAR, starts_at TIMESTAMP, offset_seconds BIGINT, tzdata VARCHAR",
            ledger=False,
        ),
        _table("build_faults", "tick_id VARCHAR, kind VARCHAR, name VARCHAR, reason VARCHAR", ledger=False),
        _table(
            "model_builds",
            "model VARCHAR, tick_id VARCHAR, as_of TIMESTAMP, fingerprint VARCHAR, since_full BIGINT, touched BIGINT, "
            "differing BIGINT, reason VARCHAR",
            ledger=False,
        ),
        _table(
            "fact_arrivals",
            "model VARCHAR, source VARCHAR, until TIMESTAMP, row_count BIGINT, nulls BIGINT",
            ledger=False,
        ),
        _table("touched_contacts", "model VARCHAR, contact_id VARCHAR", ledger=False),
        _table("contact_state", "contact_id VARCHAR, gone_at TIMESTAMP", ledger=False),
        _table(
            "contact_changes",
            "contact_id VARCHAR, change VARCHAR, at TIMESTAMP, tick_id VARCHAR",
            ledger=True,
            stage="cross",
        ),
        _table(
            "flow_versions",
            "flow VARCHAR, flow_version BIGINT, fingerprint VARCHAR, spec VARCHAR, tick_id VARCHAR",
            ledger=True,
            stage="advance",
        ),
        _table(
            "flow_cursors",
            "flow VARCHAR, status VARCHAR, reason VARCHAR, consumed_to VARCHAR, tick_id VARCHAR",
            ledger=True,
            stage="advance",
        ),
        _table(
            "flow_offers",
            "id VARCHAR, flow VARCHAR, offer VARCHAR, segment VARCHAR, ignore_reentry BOOLEAN, contacts BIGINT, "
            "reason VARCHAR, decided_by VARCHAR, decided_at TIMESTAMP, left_over BIGINT, up_to VARCHAR, "
            "tick_id VARCHAR",
            ledger=True,
            stage="advance",
        ),
        _table(
            "flow_events",
            "flow VARCHAR, event VARCHAR, event_id VARCHAR, contact_id VARCHAR, at TIMESTAMP, tick_id VARCHAR",
            ledger=True,
            stage="advance",
        ),
        _table(
            "flow_event_triggers",
            "flow VARCHAR, fingerprint VARCHAR, since TIMESTAMP, tick_id VARCHAR",
            ledger=True,
            stage="advance",
        ),
        _table(
            "flow_enrollment_starts",
            "enrollment_id VARCHAR, flow VARCHAR, flow_version BIGINT, contact_id VARCHAR, enrolled_at TIMESTAMP, "
            "trigger_segment VARCHAR, trigger_kind VARCHAR, crossing_tick VARCHAR, trigger_data VARCHAR, "
            "tick_id VARCHAR",
            ledger=True,
            stage="advance",
        ),
        _table(
            "flow_enrollment_ends",
            "enrollment_id VARCHAR, flow VARCHAR, contact_id VARCHAR, ended_at TIMESTAMP, reason VARCHAR, "
            "tick_id VARCHAR",
            ledger=True,
            stage="advance",
        ),
        _table(
            "flow_positions",
            "enrollment_id VARCHAR, flow VARCHAR, flow_version BIGINT, contact_id VARCHAR, step VARCHAR, "
            "visit BIGINT, since TIMESTAMP, enrolled_at TIMESTAMP, trigger_segment VARCHAR, trigger_kind VARCHAR, "
            "crossing_tick VARCHAR, trigger_data VARCHAR",
            ledger=False,
        ),
        _table(
            "flow_moves",
            "enrollment_id VARCHAR, flow VARCHAR, step VARCHAR, visit BIGINT, since TIMESTAMP, tick_id VARCHAR",
            ledger=True,
            stage="advance",
        ),
        _table(
            "flow_waiting",
            "flow VARCHAR, contact_id VARCHAR, trigger_segment VARCHAR, trigger_kind VARCHAR, crossing_tick VARCHAR, "
            "occasion VARCHAR, trigger_data VARCHAR",
            ledger=False,
        ),
        _table(
            "flow_waits",
            "flow VARCHAR, contact_id VARCHAR, trigger_segment VARCHAR, trigger_kind VARCHAR, crossing_tick VARCHAR, "
            "occasion VARCHAR, trigger_data VARCHAR, change VARCHAR, tick_id VARCHAR",
            ledger=True,
            stage="advance",
        ),
        _table(
            "flow_withheld",
            "enrollment_id VARCHAR, flow VARCHAR, contact_id VARCHAR, withheld_at TIMESTAMP, trigger_segment VARCHAR, "
            "trigger_kind VARCHAR, crossing_tick VARCHAR, trigger_data VARCHAR, tick_id VARCHAR",
            ledger=True,
            stage="advance",
        ),
        _table(
            "flow_conversions",
            "enrollment_id VARCHAR, flow VARCHAR, contact_id VARCHAR, enrolled_at TIMESTAMP, converted_at TIMESTAMP, "
            "withheld BOOLEAN, in_time BOOLEAN, tick_id VARCHAR",
            ledger=True,
            stage="advance",
        ),
        _table("flow_restart_state", "enrollment_id VARCHAR, flow VARCHAR, mark VARCHAR", ledger=False),
        _table(
            "flow_restart_changes",
            "enrollment_id VARCHAR, flow VARCHAR, mark VARCHAR, change VARCHAR, tick_id VARCHAR",
            ledger=True,
            stage="advance",
        ),
        _table(
            "flow_journal",
            "flow VARCHAR, enrollment_id VARCHAR, contact_id VARCHAR, step VARCHAR, visit BIGINT, action VARCHAR, "
            "detail VARCHAR, hop BIGINT, at TIMESTAMP, tick_id VARCHAR",
            ledger=True,
            stage="advance",
        ),
        _table(
            "contact_updates",
            "contact_id VARCHAR, kind VARCHAR, name VARCHAR, value VARCHAR, enrollment_id VARCHAR, flow VARCHAR, "
            "step VARCHAR, hop BIGINT, at TIMESTAMP, tick_id VARCHAR",
            ledger=True,
            stage="advance",
        ),
        _table(
            "flow_renames",
            "flow VARCHAR, renamed_from VARCHAR, ordinal BIGINT, tick_id VARCHAR",
            ledger=True,
            stage="ingest",
        ),
        _table(
            "flow_removals",
            "id VARCHAR, flow VARCHAR, contact_id VARCHAR, reason VARCHAR, decided_by VARCHAR, decided_at TIMESTAMP, "
            "tick_id VARCHAR",
            ledger=True,
            stage="advance",
        ),
        _table(
            "imports",
            "import_id VARCHAR, file VARCHAR, list VARCHAR, trigger_flows BOOLEAN, rows BIGINT, refused BIGINT, "
            "changed BIGINT, decided_by VARCHAR, decided_at TIMESTAMP, tick_id VARCHAR",
            ledger=True,
            stage="ingest",
        ),
        _table(
            "contact_imports",
            "import_id VARCHAR, contact_id VARCHAR, kind VARCHAR, name VARCHAR, value VARCHAR, ordinal BIGINT, "
            "at TIMESTAMP, tick_id VARCHAR",
            ledger=True,
            stage="ingest",
        ),
        _table(
            "contact_takeovers",
            "contact_id VARCHAR, at TIMESTAMP, tick_id VARCHAR",
            ledger=True,
            stage="cross",
        ),
        _table(
            "contact_deletions",
            "contact_id VARCHAR, at TIMESTAMP, flow VARCHAR, step VARCHAR, enrollment_id VARCHAR, addresses VARCHAR, "
            "tick_id VARCHAR",
            ledger=True,
            stage="advance",
        ),
        _table(
            "contact_restores",
            "id VARCHAR, contact_id VARCHAR, at TIMESTAMP, reason VARCHAR, decided_by VARCHAR, decided_at TIMESTAMP, "
            "tick_id VARCHAR",
            ledger=True,
            stage="ingest",
        ),
        _table(
            "import_marks",
            "contact_id VARCHAR, import_id VARCHAR, tick_id VARCHAR",
            ledger=True,
            stage="cross",
        ),
        _table(
            "attribute_history",
            "contact_id VARCHAR, attribute VARCHAR, value VARCHAR, since TIMESTAMP, tick_id VARCHAR",
            ledger=True,
            stage="cross",
        ),
        _table(
            "outbox",
            "message_id VARCHAR, enrollment_id VARCHAR, flow VARCHAR, flow_version BIGINT, step VARCHAR, visit BIGINT, "
            "contact_id VARCHAR, channel VARCHAR, sender VARCHAR, content VARCHAR, trigger_segment VARCHAR, "
            "enrolled_at TIMESTAMP, planned_at TIMESTAMP, tick_id VARCHAR",
            ledger=True,
            stage="advance",
        ),
        _table(
            "flow_calls",
            "flow VARCHAR, call VARCHAR, contact_id VARCHAR, enrollment_id VARCHAR, by_flow VARCHAR, by_step VARCHAR, "
            "at TIMESTAMP, tick_id VARCHAR",
            ledger=True,
            stage="advance",
        ),
        _table(
            "coupon_claims",
            "claim_id VARCHAR, pool VARCHAR, code VARCHAR, enrollment_id VARCHAR, flow VARCHAR, step VARCHAR, "
            "visit BIGINT, contact_id VARCHAR, at TIMESTAMP, tick_id VARCHAR",
            ledger=True,
            stage="advance",
        ),
        _table(
            "tasks",
            "task_id VARCHAR, flow VARCHAR, step VARCHAR, contact_id VARCHAR, assignee VARCHAR, title VARCHAR, "
            "due_at TIMESTAMP, created_at TIMESTAMP, tick_id VARCHAR",
            ledger=True,
            stage="advance",
        ),
        _table(
            "decisions",
            "id VARCHAR, kind VARCHAR, name VARCHAR, reason VARCHAR, decided_by VARCHAR, decided_at TIMESTAMP, "
            "tick_id VARCHAR",
            ledger=True,
            stage="advance",
        ),
        _table(
            "deliveries",
            "message_id VARCHAR, attempt BIGINT, flow VARCHAR, step VARCHAR, contact_id VARCHAR, channel VARCHAR, "
            "sender VARCHAR, address VARCHAR, outcome VARCHAR, reason VARCHAR, provider_id VARCHAR, at TIMESTAMP, "
            "recorded_at TIMESTAMP, tick_id VARCHAR",
            ledger=True,
        ),
        _table(
            "message_events",
            "message_id VARCHAR, flow VARCHAR, step VARCHAR, contact_id VARCHAR, channel VARCHAR, kind VARCHAR, "
            "at TIMESTAMP, event_key VARCHAR, url VARCHAR, tick_id VARCHAR",
            ledger=True,
            stage="ingest",
        ),
        _table(
            "consent_changes",
            "id VARCHAR, contact_id VARCHAR, channel VARCHAR, topic VARCHAR, category VARCHAR, state VARCHAR, "
            "source VARCHAR, at TIMESTAMP, tick_id VARCHAR",
            ledger=True,
            stage="ingest",
        ),
        _table(
            "segment_exports",
            "segment_key VARCHAR, segment VARCHAR, kind VARCHAR, since VARCHAR, path VARCHAR, row_count BIGINT, "
            "same_as VARCHAR, shape VARCHAR, bytes BIGINT, tick_id VARCHAR",
            ledger=True,
            stage="export",
        ),
        _table(
            "suppressions",
            "channel VARCHAR, address VARCHAR, reason VARCHAR, recorded_at TIMESTAMP",
            ledger=False,
        ),
    )
}


def ledgers_of(stage: str) -> list[str]:
    """The ledgers that a stage completes."""
    return [table.name for table in TABLES.values() if table.stage == stage]


_ARROW = {"VARCHAR": pa.string(), "BIGINT": pa.int64(), "BOOLEAN": pa.bool_(), "TIMESTAMP": pa.timestamp("us")}


def arrow_schema(table: str) -> pa.Schema:
    """The columns of a table of the engine, as Arrow has them."""
    return pa.schema([(column, _ARROW[kind]) for column, kind in TABLES[table].columns.items()])
