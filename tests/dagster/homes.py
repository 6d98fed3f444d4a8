"""Instances of Dagster that are configured as they ship."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest import mock

from dagster import DagsterInstance


@contextmanager
def instance_of(home: Path) -> Iterator[DagsterInstance]:
    """The instance whose `dagster.yaml` is in a folder, as a process with this DAGSTER_HOME has it."""
    with mock.patch.dict(os.environ, {"DAGSTER_HOME": str(home)}), DagsterInstance.get() as instance:
        yield instance
