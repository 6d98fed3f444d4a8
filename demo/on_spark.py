"""The demo on Spark: the same project in a folder of its own, on a server that is started for it. That is Sail, which
speaks what Spark speaks and starts in a second; its catalog ends with it, so the demo begins anew each time."""

from __future__ import annotations

import contextlib
import shutil
import signal
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import yaml

from demo.elsewhere import copy_project, free_port
from demo.sail import Sail
from segflow.warehouse.spark import sessions

FOLDER = ".segflow/demo-spark"
"""Below the repository."""
_OTHERS = Path(__file__).parent / "spark"
"""The files that say something in Spark's own words: two segments in SQL."""


@contextmanager
def project(repository: Path, folder: Path | None = None) -> Iterator[Path]:
    """The project's folder (default: FOLDER), made of the repository's files, while its server runs. What an earlier
    demo left there is removed."""
    root = folder or repository / FOLDER
    shutil.rmtree(root, ignore_errors=True)
    copy_project(repository, root, _OTHERS)
    data = root / ".segflow/server"
    data.mkdir(parents=True)
    server = Sail(data, free_port())
    server.start()
    # Whoever names the session finds what its catalog knows.
    url = f"sc://127.0.0.1:{server.port}/;session_id={uuid.uuid4()}"
    try:
        sessions.session(url).conf.set("spark.sql.warehouse.dir", str(data / "tables"))
        output = {"type": "spark", "method": "session", "host": url, "schema": "main", "threads": 1}
        profile = {"segflow": {"target": "spark", "outputs": {"spark": output}}}
        (root / "dbt/profiles.yml").write_text(yaml.safe_dump(profile), encoding="utf-8")
        yield root
    finally:
        sessions.leave(url)
        server.kill()


def main() -> int:
    """Live through the demo and let its server run, so that commands can be typed, until somebody stops it."""
    from demo.run import ROOT, live

    with project(ROOT) as root:
        live(root)
        print(f"The server of {root} runs. Ctrl-C ends it.")
        with contextlib.suppress(KeyboardInterrupt):
            signal.pause()
    return 0


if __name__ == "__main__":
    sys.exit(main())
