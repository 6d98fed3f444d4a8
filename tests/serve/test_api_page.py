"""docs/API.md names the routes that there are, and no others."""

from __future__ import annotations

import re
from pathlib import Path

from fastapi.routing import APIRoute

from segflow.project import Project
from segflow.serve.api import MAX_ROWS, PREFIX, router_of

PAGE = (Path(__file__).parents[2] / "docs/API.md").read_text(encoding="utf-8")


def test_every_route_is_on_the_page(tmp_path: Path) -> None:
    routes = [route for route in router_of(Project(tmp_path)).routes if isinstance(route, APIRoute)]
    there = {f"{method} {route.path.removeprefix(PREFIX)}" for route in routes for method in route.methods}
    assert there == set(re.findall(r"^\| `((?:GET|POST) [^`]+)` \|", PAGE, re.MULTILINE))


def test_what_the_page_says_of_pages_holds() -> None:
    assert f"at most {MAX_ROWS:,}" in PAGE
    assert f"{PREFIX}/segments/tea_lovers/members" in PAGE
