from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from segflow import senders
from tests.serve.caller import install


@pytest.fixture(scope="session")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that makes sender type `caller` known."""
    return install(tmp_path_factory.mktemp("packages"))


@pytest.fixture(autouse=True, scope="module")
def _caller(packages: Path) -> Iterator[None]:
    """The type is known in this process, too."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(packages))
        senders._others.cache_clear()
        yield
    senders._others.cache_clear()
