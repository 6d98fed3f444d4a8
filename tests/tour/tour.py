"""A stranger's tour of `segflow ui` in a real Chromium: `make tour`. Needs the demo's ticks, and a browser.

Works on a copy of the project below `.segflow/tour`, where the screenshots are left, too. Each stop asserts on what is
shown.
"""

from __future__ import annotations

import argparse
import shutil
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, expect, sync_playwright

from tests.dagster.served import ask, served

ROOT = Path(__file__).resolve().parents[2]
LOCATION = "demo_shop"
SEGMENT, BROKEN, HELD = "abandoned_cart", "category_explorers", "london_paris"
MATERIALIZED = (
    "query($p: [String!]!) {assetOrError(assetKey: {path: $p}) {... on Asset {assetMaterializations {timestamp}}}}"
)
EDITS = {
    "segment_specs/category_explorers.sql": ("distinct items.category", "distinct items.shelf"),
    "dbt/models/staging/stg_contacts.sql": ("city", "case when city = 'London' then 'Londinium' else city end as city"),
}
"""File of the copy -> what is written differently before the tour: one segment breaks, one is held."""
PATIENCE = 600_000
"""Milliseconds; a stop takes two seconds on a quiet machine."""
COPIED = ("segflow.yml", "segment_specs", "flow_specs", "dbt", ".segflow", "exports")


class Tour:
    """A browser on the UI of a project."""

    def __init__(self, page: Page, url: str, pictures: Path) -> None:
        self.page, self.url, self.pictures = page, url, pictures
        self._number = 0
        page.set_default_timeout(PATIENCE)
        expect.set_options(timeout=PATIENCE)

    def go(self, path: str) -> None:
        """Open a page of the UI, and close what covers it."""
        self.page.goto(f"{self.url}{path}")
        self.page.wait_for_load_state("networkidle")

    def sees(self, *texts: str) -> None:
        """Assert that the page shows texts."""
        for text in texts:
            expect(self.page.get_by_text(text).first).to_be_visible()

    def picture(self, name: str) -> None:
        """Leave a screenshot."""
        self._number += 1
        self.page.wait_for_timeout(1500)
        self.page.screenshot(path=str(self.pictures / f"{self._number:02}_{name}.png"))

    def ask(self, query: str, **variables: object) -> Any:
        """What the UI's own API says."""
        return ask(self.url, query, **variables)

    def next_day(self) -> str:
        """The config of a tick a day after the last one: the demo lives in a winter of its own."""
        folder = self.pictures.parent / ".segflow/ledgers/ticks"
        last = datetime.strptime(max(path.stem for path in folder.glob("*Z.parquet")), "%Y%m%dT%H%M%SZ")
        return f"ops:\n  ingest:\n    config:\n      as_of: '{(last + timedelta(days=1)).isoformat()}'\n"

    def wait(self, what: str, found: Callable[[], bool]) -> None:
        """Wait until `found`."""
        end = time.monotonic() + PATIENCE / 1000
        while not found():
            assert time.monotonic() < end, f"no {what}"
            time.sleep(1)

    def materialized(self, *key: str) -> int:
        """How many materializations an asset has."""
        found = self.ask(MATERIALIZED, p=list(key))["assetOrError"]
        return len(found.get("assetMaterializations", ()))


def graph(tour: Tour) -> None:
    """All groups, in the order of the data."""
    tour.go("/asset-groups")
    tour.sees("staging", "segments", "flows", "delivery", "exports")
    tour.picture("graph")


def segment(tour: Tour) -> None:
    """A segment's page: the rule, and a plot that begins with the first tick of the CLI."""
    # The sensor that shows the ticks of the CLI looks twice a minute; the step of the export is told last.
    ticks = len(list((tour.pictures.parent / ".segflow/ledgers/ticks").glob("*Z.parquet")))
    tour.wait(f"{ticks} ticks of the CLI shown", lambda: tour.materialized("tick", "export") >= ticks > 1)
    tour.go(f"/assets/segments/{SEGMENT}?view=overview")
    tour.sees("Members are the contacts with", "held when, in one tick")
    tour.picture("segment")
    tour.page.get_by_text("Plots", exact=True).click()
    tour.page.get_by_text("size", exact=True).first.scroll_into_view_if_needed()
    expect(tour.page.locator("canvas").first).to_be_visible()
    tour.picture("plot")
    assert tour.materialized("segments", SEGMENT) >= ticks


def launched(tour: Tour, job: str, config: str = "") -> str:
    """Launch a job from its launchpad, with what is typed into it, and watch the run to its end. Returns its status."""
    tour.go(f"/locations/{LOCATION}/jobs/{job}/playground")
    if config:
        editor = tour.page.locator(".CodeMirror").first
        editor.click()
        tour.page.keyboard.press("Control+A")
        tour.page.evaluate("(text) => document.querySelector('.CodeMirror').CodeMirror.setValue(text)", config)
        tour.picture(f"form_of_{job}")
    button = tour.page.get_by_role("button", name="Launch run")
    expect(button).to_be_enabled()
    button.click()
    tour.page.wait_for_url("**/runs/*")
    tour.page.wait_for_timeout(3000)
    tour.picture(f"{job}_at_work")
    run = tour.page.url.split("/runs/")[1].split("?")[0]
    end = time.monotonic() + PATIENCE / 1000
    while time.monotonic() < end:
        told = tour.ask("query($r: ID!) {runOrError(runId: $r) {... on Run {status}}}", r=run)
        status = str(told["runOrError"]["status"])
        if status in ("SUCCESS", "FAILURE", "CANCELED"):
            expect(tour.page.get_by_text({"SUCCESS": "Success", "FAILURE": "Failure"}[status]).first).to_be_visible()
            tour.picture(f"{job}_ended")
            return status
        time.sleep(0.5)
    raise AssertionError(f"run {run} of {job} did not end")


def tick(tour: Tour) -> None:
    """A tick from its launchpad; all is green, but for the segments that are made to fail."""
    assert launched(tour, "tick", tour.next_day()) == "FAILURE"
    tour.sees("verdict")
    tour.go(f"/assets/segments/{BROKEN}?view=checks")
    tour.sees("evaluated", "Failed")
    tour.picture("broken_segment")
    tour.go(f"/assets/segments/{SEGMENT}?view=checks")
    tour.sees("evaluated", "Passed")
    tour.picture("green_segment")
    tour.go("/asset-groups")
    tour.picture("graph_with_red")


def release(tour: Tour) -> None:
    """A held segment is let pass by a person, and the next tick takes it."""
    tour.go(f"/assets/segments/{HELD}?view=checks")
    tour.page.get_by_text("within_guard").first.click()
    tour.sees("the guard allows 50%", "segflow release")
    tour.picture("held_segment")
    op = "release_now"
    form = (
        f"ops:\n  {op}:\n    config:\n      who: ana@example.com\n      reason: a new rule\n      segments: [{HELD}]\n"
    )
    assert launched(tour, "release", form) == "SUCCESS"
    launched(tour, "tick", tour.next_day())
    tour.go(f"/assets/segments/{HELD}?view=checks")
    tour.sees("Passed")
    tour.picture("released_segment")


def schedule(tour: Tour) -> None:
    """The schedule is off; a person turns it on."""
    tour.go(f"/locations/{LOCATION}/schedules/tick_schedule")
    switch = tour.page.get_by_role("switch").or_(tour.page.locator("input[type=checkbox]")).first
    expect(switch).not_to_be_checked()
    switch.dispatch_event("click")  # the box itself lies outside of the page, behind what is drawn for it
    expect(switch).to_be_checked()
    tour.picture("schedule_on")


STOPS: tuple[Callable[[Tour], None], ...] = (graph, segment, tick, release, schedule)


def prepared(source: Path, copy: Path) -> None:
    """A copy of the demo as its ticks left it, in which one segment breaks and one is held."""
    shutil.rmtree(copy, ignore_errors=True)
    copy.mkdir(parents=True)
    for name in COPIED:
        path = source / name
        if path.is_dir():
            shutil.copytree(path, copy / name, ignore=shutil.ignore_patterns("tour", "dagster_home"))
        elif path.exists():
            shutil.copy(path, copy / name)
    for name, (old, new) in EDITS.items():
        text = (copy / name).read_text(encoding="utf-8")
        assert old in text, name
        (copy / name).write_text(text.replace(old, new, 1), encoding="utf-8")


def main() -> None:
    """Take the tour, or the stops that are named."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("stops", nargs="*", help="names of stops; all by default")
    parser.add_argument("--project-dir", type=Path, default=ROOT)
    parser.add_argument("--browser", default=shutil.which("chromium") or shutil.which("google-chrome"))
    given = parser.parse_args()
    project = given.project_dir / ".segflow" / "tour"
    prepared(given.project_dir, project)
    pictures = project / "pictures"
    pictures.mkdir()
    with served(project) as url, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=given.browser, args=["--no-sandbox"])
        tour = Tour(browser.new_page(viewport={"width": 1500, "height": 950}), url, pictures)
        for stop in STOPS:
            if not given.stops or stop.__name__ in given.stops:
                try:
                    stop(tour)
                except BaseException:
                    tour.picture(f"{stop.__name__}_FAILED")
                    raise
                print(f"{stop.__name__}: fine")
        browser.close()
    print(f"screenshots: {pictures}")


if __name__ == "__main__":
    main()
