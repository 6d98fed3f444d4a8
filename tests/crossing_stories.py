"""What may happen between two ticks of a project, for hypothesis to make stories of."""

from __future__ import annotations

from dataclasses import dataclass, replace

from hypothesis import strategies as st

from tests.naive_crossings import Import, Tree

MODEL = [f"c{number}" for number in range(6)]
CONTACTS = [*MODEL, "x0", "x1"]
"""Of the last two the model knows nothing at first."""
SLOTS = range(4)
NAMES = [*(f"s{slot}" for slot in SLOTS), "n0", "n1"]
CITIES = ["London", "Paris", "Rome"]


@dataclass(frozen=True)
class Moves:
    contact: str
    city: str | None
    age: int | None
    score: int | None


@dataclass(frozen=True)
class GoesOrReturns:
    contact: str


@dataclass(frozen=True)
class Edit:
    """A new rule for a slot, which gets its file back when it has none, under `name` or the name that it had."""

    slot: int
    rule: Tree
    on_create: str
    on_change: str
    name: str | None = None
    every: str | None = None


@dataclass(frozen=True)
class Rename:
    slot: int
    name: str


@dataclass(frozen=True)
class Remove:
    slot: int


@dataclass(frozen=True)
class Batch:
    contact: str
    answer: bool | None


Change = Moves | GoesOrReturns | Edit | Rename | Remove | Import | Batch


@dataclass(frozen=True)
class Day:
    changes: list[Change]
    broken: bool
    stops_at: int
    """The crash point at which the tick dies, of some seventy; 0: it lives."""
    again: bool


contacts, slots = st.sampled_from(CONTACTS), st.sampled_from(SLOTS)
ages, scores = st.one_of(st.none(), st.integers(1, 4)), st.one_of(st.none(), st.integers(1, 3))
words = st.sampled_from(["is", "is_not"])
leaves = st.one_of(
    st.builds(lambda slot: {"slot": slot}, slots),
    st.builds(lambda word, city: {"attribute": "city", word: city}, words, st.sampled_from(CITIES)),
    st.builds(lambda age: {"attribute": "age", "gte": age}, st.integers(1, 4)),
    st.builds(lambda score: {"attribute": "score", "gte": score}, st.integers(1, 3)),
    st.sampled_from([{"attribute": "age", "is_set": False}, {"list": "fair"}]),
)
pairs = st.lists(leaves, min_size=2, max_size=2)
rules = st.one_of(
    leaves,
    st.builds(lambda word, parts: {word: parts}, st.sampled_from(["all", "any", "none"]), pairs),
    st.builds(lambda leaf, other: {"any": [{"not": leaf}, other]}, leaves, leaves),
)
moves = st.builds(Moves, contacts, st.sampled_from([*CITIES, None]), ages, scores)
edits = st.builds(
    Edit,
    slots,
    rules,
    st.sampled_from(["trigger", "baseline"]),
    st.sampled_from(["trigger", "suppress"]),
    st.sampled_from([None, None, *NAMES]),
    st.sampled_from([None, None, None, "day", "week", "month"]),
)
imported = st.tuples(contacts, st.sampled_from([None, *CITIES]), scores)
imports = st.builds(
    Import,
    st.lists(imported, min_size=1, max_size=3, unique_by=lambda row: row[0]).map(lambda rows: tuple(sorted(rows))),
    st.booleans(),
    st.booleans(),
)
changes: list[st.SearchStrategy[Change]] = [
    st.builds(GoesOrReturns, contacts),
    *[moves] * 6,
    *[edits] * 2,
    *[imports] * 2,
    st.builds(Rename, slots, st.sampled_from(NAMES)),
    st.builds(Remove, slots),
    st.builds(Batch, contacts, st.sampled_from([False, None, True])),
]
several = st.lists(st.sampled_from(range(len(changes))).flatmap(lambda which: changes[which]), min_size=1, max_size=6)
days = st.builds(
    # An edit away from a column on the day that it is gone leaves an old rule that cannot run: rare if not sought.
    lambda changes, broken, edit, *rest: Day([*changes, edit] if broken else changes, broken, *rest),
    several,
    st.sampled_from([False, False, False, False, True]),
    edits,
    st.sampled_from([0, 0, 1]).flatmap(lambda dies: st.integers(dies, 75 * dies)),
    st.sampled_from([False, False, False, True]),
)
starts = st.tuples(*[edits] * 3).map(
    lambda found: [replace(edit, slot=slot, name=None) for slot, edit in enumerate(found)]
)
