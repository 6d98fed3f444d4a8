"""`segflow ui` on a project, as people start it, and what its API says."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.senders.servers import free_port

ROOT = Path(__file__).resolve().parents[2]
LAUNCH = """
    mutation($job: String!, $location: String!, $config: RunConfigData!) {
        launchRun(executionParams: {selector: {jobName: $job, repositoryName: "__repository__",
            repositoryLocationName: $location}, runConfigData: $config}) {
            __typename ... on LaunchRunSuccess {run {runId}} ... on Error {message}
        }
    }
"""
RUN = "query($run: ID!) {runOrError(runId: $run) {... on Run {status creationTime startTime endTime stepStats \
{stepKey startTime endTime}}}}"


@contextmanager
def served(project: Path, *words: str, cwd: Path = ROOT) -> Iterator[str]:
    """`segflow ui` on a project, with more words of its command line; its address, once it answers. `cwd`: the folder
    that it is started in."""
    port = free_port()
    command = [sys.executable, "-m", "segflow", "--project-dir", str(project), "ui", "--port", str(port), *words]
    with (project / "ui.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, cwd=cwd, start_new_session=True)
    url = f"http://127.0.0.1:{port}"
    try:
        for _ in range(1200):
            try:
                urllib.request.urlopen(f"{url}/server_info", timeout=5).read()
                break
            except OSError:
                assert process.poll() is None, (project / "ui.log").read_text(errors="replace")[-2000:]
                time.sleep(0.25)
        yield url
    finally:
        os.killpg(process.pid, signal.SIGINT)
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def ask(url: str, query: str, **variables: object) -> Any:
    """The data that the API answers with."""
    body = json.dumps({"query": query, "variables": variables}).encode()
    request = urllib.request.Request(f"{url}/graphql", body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=120) as answer:
        return json.load(answer)["data"]


def launch(url: str, location: str, job: str, config: object) -> Any:
    """What becomes of launching a job of a location, which is called as its project is."""
    return ask(url, LAUNCH, job=job, location=location, config=config)["launchRun"]
