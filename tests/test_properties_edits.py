"""Whose `on_change` counts, against the naive model: stories of little but edits of segments that refer to each other.

`SEGFLOW_CROSSING_EXAMPLES=20 pytest tests/test_properties_edits.py` looks for longer.
"""

from __future__ import annotations

import os
import tempfile
from dataclasses import replace
from pathlib import Path

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.crossing_stories import NAMES, Change, Day, Edit, Remove, Rename, leaves, moves, rules, slots
from tests.test_properties_causes import Story

EXAMPLES = int(os.environ.get("SEGFLOW_CROSSING_EXAMPLES", "1"))
TICKS = 10

_references = st.builds(lambda slot: {"slot": slot}, st.sampled_from(range(3)))
_words = st.sampled_from(["all", "any", "none"])
_rules = st.one_of(
    rules, _references, st.builds(lambda word, one, other: {word: [one, other]}, _words, _references, leaves)
)
_edits = st.builds(
    Edit,
    slots,
    _rules,
    st.sampled_from(["trigger", "baseline"]),
    st.sampled_from(["trigger", "suppress"]),
    st.sampled_from([None, None, *NAMES]),
)
_changes: list[st.SearchStrategy[Change]] = [
    *[moves] * 2,
    *[_edits] * 6,
    st.builds(Rename, slots, st.sampled_from(NAMES)),
    st.builds(Remove, slots),
]
_several = st.lists(
    st.sampled_from(range(len(_changes))).flatmap(lambda which: _changes[which]), min_size=2, max_size=7
)
_first = st.tuples(*[_edits] * 4).map(
    lambda found: [replace(edit, slot=slot, name=None) for slot, edit in enumerate(found)]
)


@settings(
    max_examples=EXAMPLES + 1,  # the simplest story comes first
    deadline=None,
    phases=[Phase.generate],
    derandomize="SEGFLOW_CROSSING_EXAMPLES" not in os.environ,
    suppress_health_check=list(HealthCheck),
    print_blob=True,
)
@given(_first, st.lists(_several, min_size=TICKS, max_size=TICKS))
def test_stories_of_edits(start: list[Change], story: list[list[Change]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        told = Story(Path(folder))
        for number, changes in enumerate(story):
            told.live(Day([*start, *changes] if number == 0 else changes, broken=False, stops_at=0, again=False))
        told.world.close()
