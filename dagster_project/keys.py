"""Names that the other modules share: asset keys, groups, tags, the pool."""

from __future__ import annotations

from dagster import AssetKey

POOL = "segflow_warehouse"
"""All stages and the dbt tests are in it. DuckDB has one writer."""

TICK_TAG = "segflow/tick"
"""The tag of a run that names the tick it works on."""

DELIVERY_GROUP = "delivery"
INTERNALS = "internals"
"""The group of what people need not look at: facts, memberships, ledgers, the steps of the tick."""
VERDICT = "verdict"

DELIVERIES = AssetKey(["segflow", "deliveries"])
"""The ledger that the ingest stage brings up to date."""


def stage_key(stage: str) -> AssetKey:
    """The asset that stands for a stage as a whole: it depends on the stage before, which puts the steps in order."""
    return AssetKey(["tick", stage])


def segment_key(segment: str) -> AssetKey:
    return AssetKey(["segments", segment])


def flow_key(flow: str) -> AssetKey:
    return AssetKey(["flows", flow])


def sender_key(sender: str) -> AssetKey:
    return AssetKey(["senders", sender])


def export_key(segment: str) -> AssetKey:
    return AssetKey(["exports", segment])


def model_key(model: str) -> AssetKey:
    """A generated dbt model: contacts, a fact model or memberships."""
    return AssetKey(["models", model])
