"""The order of the suite: what takes longest begins first, so that no worker ends long after the other."""

from __future__ import annotations

import pytest

LONG = (
    "test_online_retail.py",
    "test_scenarios.py",
    "test_tick_job.py",
    "test_points.py",
    "test_moments.py",
    "test_real_dbt.py",
    "test_rebuild.py",
    "test_resume.py",
    "test_properties_survival.py",
    "test_properties_causes.py",
    "test_properties_flows.py",
    "test_small_disk.py",
    "test_property.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files of many short tests fill the gaps at the end. A file goes to one worker as a whole."""
    items.sort(key=lambda item: LONG.index(item.path.name) if item.path.name in LONG else len(LONG))
