"""The tests of segments as test cases of pytest.

import pytest
from segflow.testing import segment_tests

@pytest.mark.parametrize("case", segment_tests("path/to/project"), ids=str)
def test_segments(case):
    case.check()
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from segflow.segments.rule_tests import run_tests, segments_with_tests
from segflow.specs.load import load_specs
from segflow.specs.project import Specs


@dataclass(frozen=True)
class SegmentCase:
    """One test of one segment; its text, `SEGMENT-NAME`, is meant as the id of the case."""

    specs: Specs
    segment: str
    test: str

    def check(self) -> None:
        """Run it. Raises AssertionError with the place of the test, who is missing and who is too much."""
        [outcome] = run_tests(self.specs, [self.segment], self.test)
        if not outcome.passed:
            raise AssertionError(str(outcome))

    def __str__(self) -> str:
        return f"{self.segment}-{self.test}"


def segment_tests(project_dir: Path | str = ".") -> list[SegmentCase]:
    """Every test of every segment of a project. Raises SpecError when its specs are wrong."""
    specs = load_specs(Path(project_dir).resolve())
    return [SegmentCase(specs, one.id, test.name) for one in segments_with_tests(specs) for test in one.spec.tests]
