"""The ledgers that people build on, as assets of the stages that write them: what is downstream of `segflow` in a
team's own graph hangs on these."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from dagster import AssetKey, AssetSpec

from segflow.dagster.keys import stage_key
from segflow.dagster.specs import Graph

GROUP = "ledgers"
"""Not with what stands before segments and flows: two groups that wait for each other are drawn as a knot."""
LEDGERS: Mapping[str, Mapping[str, str]] = {
    "cross": {
        "segment_entries": "Who entered which segment, when and why; never changed, only added to.",
        "segment_exits": "Who exited which segment, when and why; never changed, only added to.",
        "segment_members": "The members of each segment as of the last tick.",
        "segment_sizes": "Members, entered and exited of each segment at each tick.",
    },
    "advance": {
        "flow_enrollment_starts": "Who was enrolled in which flow, when and why.",
        "flow_enrollment_ends": "Whose enrollment ended, when and for what reason.",
        "flow_journal": "Every step that anybody went through.",
        "outbox": "Every message that was planned.",
    },
}
"""stage -> table -> what it holds."""


def with_ledgers(graph: Graph) -> Graph:
    """The graph and the ledgers. Those that a model of an earlier stage reads stay outside: an asset of theirs that
    a later stage made would close a circle of steps."""
    taken = {dep.asset_key for specs in graph.stages.values() for spec in specs for dep in spec.deps}
    taken |= {spec.key for specs in graph.stages.values() for spec in specs}
    stages = {stage: [*specs, *_ledgers(stage, specs, taken)] for stage, specs in graph.stages.items()}
    mine = {spec.key for specs in stages.values() for spec in specs}
    return replace(graph, stages=stages, outside=[spec for spec in graph.outside if spec.key not in mine])


def ledger_key(table: str) -> AssetKey:
    """The asset of a table in schema `segflow`; also what dagster-dbt calls a source of that name."""
    return AssetKey(["segflow", table])


def is_ledger(key: AssetKey) -> bool:
    """Is an asset one of these?"""
    return any(ledger_key(table) == key for tables in LEDGERS.values() for table in tables)


def _ledgers(stage: str, specs: Iterable[AssetSpec], taken: set[AssetKey]) -> Iterator[AssetSpec]:
    writers = [spec.key for spec in specs]
    for table, words in LEDGERS.get(stage, {}).items():
        if ledger_key(table) not in taken:
            deps = [key for key in writers if key != stage_key(stage)] or writers
            yield AssetSpec(ledger_key(table), deps=deps, group_name=GROUP, description=words, kinds={"table"})
