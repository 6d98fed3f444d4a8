"""Crossings as DESIGN's section 5 has them, one contact and one segment at a time.

Written from the words, not from the SQL. A rule is a YAML condition that refers to other segments by their slot.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

Tree = dict[str, Any]
Person = dict[str, Any]
ELSEWHERE: Tree = {"attribute": "city", "is": "Rome"}
"""Stands in a rule where it refers to a segment that is not there."""


@dataclass
class File:
    """A segment file. `earlier`: its names before; `unseen`: those among them that the last tick still saw."""

    name: str
    rule: Tree
    on_create: str
    on_change: str
    earlier: list[str] = field(default_factory=list)
    unseen: set[str] = field(default_factory=set)
    every: str | None = None
    """day, week or month."""


@dataclass(frozen=True)
class Import:
    """What one import says of contacts: city and score, None for nothing."""

    rows: tuple[tuple[str, str | None, int | None], ...]
    yes: bool
    to_list: bool


@dataclass
class Scene:
    """Everything that a tick looks at."""

    rows: dict[str, Person] = field(default_factory=dict)
    away: set[str] = field(default_factory=set)
    files: dict[int, File] = field(default_factory=dict)
    imports: list[Import] = field(default_factory=list)
    batches: list[tuple[str, bool | None]] = field(default_factory=list)
    broken: bool = False
    """Is there no column age?"""
    today: date = date(2026, 3, 1)
    fingerprints: dict[str, str] = field(default_factory=dict)
    """Segment -> the same for all ways to write its rule."""

    @property
    def model(self) -> dict[str, Person]:
        return {contact: row for contact, row in self.rows.items() if contact not in self.away}


@dataclass
class Segment:
    """One segment for all its life, whatever it is called. `rule` made its members; None: it has never had any."""

    name: str
    rule: Tree | None = None
    compared: int = 0
    """The last tick that compared it."""
    members: set[str] = field(default_factory=set)
    entered: dict[str, int] = field(default_factory=dict)
    parts: dict[int, Tree] = field(default_factory=dict)
    """The files that its rule consisted of, its own included: segment (its `id()`) -> rule, which refers by `of`."""
    day: date | None = None
    """Of the last tick that compared it."""
    fingerprint: str = ""
    """Of the rule that made its members."""
    was_stale: bool = False
    """At the last tick."""


@dataclass(frozen=True, order=True)
class Crossing:
    segment: str
    contact: str
    kind: str
    number: int
    cause: str
    triggers: bool


def period(day: date, every: str | None) -> date:
    """The first day of the part of the calendar that holds a day."""
    match every:
        case "week":
            return day - timedelta(days=day.weekday())
        case "month":
            return day.replace(day=1)
    return day


def inlined(slot: int, files: Mapping[int, File], segments: Mapping[int, Segment], prints: Mapping[str, str]) -> Tree:
    """The rule of a slot with those that it refers to in place of their names: `{segment:, rule:, print:}`."""

    def walk(tree: Tree) -> Tree:
        if "slot" in tree:
            other = tree["slot"]
            if other >= slot or other not in files:
                return ELSEWHERE
            rule = inlined(other, files, segments, prints)
            return {"segment": id(segments[other]), "rule": rule, "print": prints[files[other].name]}
        if "not" in tree:
            return {"not": walk(tree["not"])}
        return {
            word: [walk(one) for one in value] if isinstance(value, list) else value for word, value in tree.items()
        }

    return walk(files[slot].rule)


def standing(tree: Tree, resting: Mapping[int, str]) -> Tree:
    """A rule with the members of resting segments (segment -> print) in place of their rules, where these are the ones
    that it knew."""

    def walk(tree: Tree) -> Tree:
        if "segment" in tree:
            same = resting.get(tree["segment"]) == tree["print"]
            return {"member": tree["segment"]} if same else walk(tree["rule"])
        if "not" in tree:
            return {"not": walk(tree["not"])}
        return {
            word: [walk(one) for one in value] if isinstance(value, list) else value for word, value in tree.items()
        }

    return walk(tree)


def own(slot: int, files: Mapping[int, File], segments: Mapping[int, Segment]) -> Tree:
    """The rule of a slot's file alone; it refers to segments, whatever they are called: `{of: ...}`."""

    def walk(tree: Tree) -> Tree:
        if "slot" in tree:
            other = tree["slot"]
            return {"of": id(segments[other])} if other < slot and other in files else ELSEWHERE
        if "not" in tree:
            return {"not": walk(tree["not"])}
        return {
            word: [walk(one) for one in value] if isinstance(value, list) else value for word, value in tree.items()
        }

    return walk(files[slot].rule)


def inline(tree: Tree, rule: Callable[[int], Tree]) -> Tree:
    """The tree with `rule` of each segment in its place."""
    match tree:
        case {"of": other}:
            return rule(other)
        case {"not": part}:
            return {"not": inline(part, rule)}
    return {
        word: [inline(one, rule) for one in value] if isinstance(value, list) else value for word, value in tree.items()
    }


def leaves(tree: Tree) -> Iterator[Tree]:
    below = next((tree[word] for word in ("all", "any", "none") if word in tree), None)
    if below is None and "not" in tree:
        below = [tree["not"]]
    for one in below or ():
        yield from leaves(one)
    if below is None:
        yield tree


def holds(tree: Tree, person: Person) -> bool:
    """Two-valued: a leaf on a missing value is false, and `is_not` is the complement of `is`."""
    match tree:
        case {"all": parts}:
            return all(holds(part, person) for part in parts)
        case {"any": parts}:
            return any(holds(part, person) for part in parts)
        case {"none": parts}:
            return not any(holds(part, person) for part in parts)
        case {"not": part}:
            return not holds(part, person)
        case {"list": name}:
            return bool(person[name])
        case {"member": segment}:
            return segment in person["in"]
        case {"attribute": name, "is": wanted}:
            return bool(person[name] == wanted)
        case {"attribute": name, "is_not": wanted}:
            return bool(person[name] != wanted)
        case {"attribute": name, "gte": least}:
            return person[name] is not None and person[name] >= least
        case {"attribute": name, "is_set": wanted}:
            return (person[name] is not None) is wanted
    raise AssertionError(tree)


class Naive:
    def __init__(self) -> None:
        self.now = 0
        self.present: set[str] = set()
        self.seen: set[str] = set()
        self.live: dict[str, Segment] = {}
        self.dead: list[Segment] = []
        self.returns: list[tuple[int, str]] = []
        self.marks: list[tuple[int, str]] = []
        self.imported: dict[str, str | None] = {}
        """Contacts that an import brought and the model has not had since, with the city that imports gave them."""
        self.score: dict[str, int] = {}
        self.fair: set[str] = set()
        self.known: set[Import] = set()
        self.stale: set[str] = set()
        self.trees: dict[int, Tree] = {}
        self.say: dict[int, str] = {}
        self.before: dict[int, dict[int, Tree]] = {}
        self.resting: dict[int, str] = {}
        """Segment -> its fingerprint, of those that are not due."""
        self.rest: set[str] = set()

    def tick(self, scene: Scene) -> list[Crossing]:
        """Everybody who crosses in the next tick."""
        self.now += 1
        self._take_in(scene)
        contacts = self._contacts(scene)
        gone, returned = self.present - set(contacts), (set(contacts) & self.seen) - self.present
        self.returns += [(self.now, contact) for contact in returned]
        self.present, self.seen = set(contacts), self.seen | set(contacts)
        found: list[Crossing] = []
        segments = self._segments(scene.files)
        self.trees = {id(segments[slot]): own(slot, scene.files, segments) for slot in scene.files}
        self.say = {id(segments[slot]): file.on_change for slot, file in scene.files.items()}
        for left in [one for one in self.live.values() if one not in segments.values()]:
            found += self._deleted(left)
        self.before = {id(one): dict(one.parts) for one in segments.values() if one.rule is not None}
        self.live, self.stale, self.rest = {}, set(), set()
        self.resting = {
            id(segments[slot]): scene.fingerprints[file.name]
            for slot, file in scene.files.items()
            if self._rests(segments[slot], file, scene)
        }
        for contact, person in contacts.items():
            person["in"] = {id(one) for one in segments.values() if contact in one.members}
        for slot, file in scene.files.items():
            segment, whole = segments[slot], inlined(slot, scene.files, segments, scene.fingerprints)
            segment.name, rule = file.name, standing(whole, self.resting)
            if id(segment) in self.resting:
                self.rest.add(file.name)
                found += [self._exit(segment, contact, "gone", False) for contact in segment.members & gone]
            elif scene.broken and any(leaf.get("attribute") == "age" for leaf in leaves(rule)):
                self.stale.add(file.name)
                found += [self._exit(segment, contact, "gone", False) for contact in segment.members & gone]
            else:
                found += self._compared(segment, file, rule, contacts, gone, scene.broken)
                segment.rule, segment.day, segment.fingerprint = whole, scene.today, scene.fingerprints[file.name]
            segment.was_stale = file.name in self.stale
            if segment.rule is not None:
                self.live[file.name] = segment
            elif segment not in self.dead:
                self.dead.append(segment)
            file.unseen = set()
        return sorted(found)

    def _rests(self, segment: Segment, file: File, scene: Scene) -> bool:
        """Has it been compared in this period by the rule that it has, and was it well at the last tick?"""
        if file.every is None or segment.rule is None or segment.was_stale or segment.day is None:
            return False
        same = segment.fingerprint == scene.fingerprints[file.name]
        return same and period(segment.day, file.every) == period(scene.today, file.every)

    def _segments(self, files: Mapping[int, File]) -> dict[int, Segment]:
        """The segments that the files go on with: those that are called so or were, the living before the dead."""
        found = {}
        for slot, file in files.items():
            earlier = [name for name in file.earlier if name in self.live]
            if earlier or file.name in self.live:
                found[slot] = self.live[earlier[-1] if earlier else file.name]
        for slot, file in files.items():
            if slot not in found:
                mine = [one for one in self.dead if one.name == file.name]
                found[slot] = mine[-1] if mine else Segment(file.name)
                self.dead = [one for one in self.dead if one is not found[slot]]
        return found

    def _deleted(self, segment: Segment) -> list[Crossing]:
        found = [self._exit(segment, contact, "deleted", False) for contact in segment.members]
        segment.members, segment.rule = set(), None
        self.dead.append(segment)
        return found

    def _compared(
        self, segment: Segment, file: File, rule: Tree, contacts: dict[str, Person], gone: set[str], broken: bool
    ) -> list[Crossing]:
        old = None if segment.rule is None else standing(segment.rule, self.resting)
        cannot_run = broken and old is not None and any(leaf.get("attribute") == "age" for leaf in leaves(old))
        since = self.now - 1 if old is None else segment.compared
        returned = {contact for tick, contact in self.returns if tick > since}
        marked = {contact for tick, contact in self.marks if tick > since}
        matching = {contact for contact, person in contacts.items() if holds(rule, person)}
        found = []
        for contact in segment.members ^ matching:
            enters = contact in matching
            if contact in gone:
                cause, triggers = "gone", False
            elif enters and contact in returned:
                cause, triggers = "returned", False
            elif old is None:
                cause, triggers = "baseline", file.on_create == "trigger"
            elif contact in marked:
                cause, triggers = "import", False
            elif cannot_run:
                cause, triggers = "definition", False
            elif holds(old, contacts[contact]) is enters:
                cause, triggers = "data", True
            else:
                person = contacts[contact]
                cause, triggers = "definition", self._may_trigger(segment, file, person, enters, broken)
            if enters:
                segment.entered[contact] = segment.entered.get(contact, 0) + 1
                segment.members = segment.members | {contact}
                number = segment.entered[contact]
                found.append(Crossing(file.name, contact, "enters", number, cause, triggers))
            else:
                found.append(self._exit(segment, contact, cause, triggers))
        segment.compared, segment.parts = self.now, self._parts(id(segment))
        return found

    def _parts(self, of: int) -> dict[int, Tree]:
        found = {of: self.trees[of]}
        for leaf in leaves(self.trees[of]):
            found |= self._parts(leaf["of"]) if "of" in leaf else {}
        return found

    def _may_trigger(self, segment: Segment, file: File, person: Person, enters: bool, broken: bool) -> bool:
        """Do all edited files that are a cause of this crossing say so? One is when there are other edits to take back
        so that the contact crosses with its edit and not without it."""
        old = self.before[id(segment)]
        known = {one: self.before[one][one] for one in self._parts(id(segment)) if one in self.before} | old
        edited = [one for one in known if one in self.trees and known[one] != self.trees[one]]
        answers = {self.say[one] for one in edited}
        if len(answers) < 2:
            return answers <= {"trigger"} if answers else file.on_change == "trigger"

        def mixed(of: int, back: set[int], above: tuple[int, ...] = ()) -> Tree:
            if of in above:
                raise ValueError("a circle")
            if of in self.resting and of not in back:
                return {"member": of}
            tree = self.trees[of] if of in self.trees and of not in back else old.get(of) or self.before[of][of]
            return inline(tree, lambda below: mixed(below, back, (*above, of)))

        combinations = [set(back) for size in range(len(edited) + 1) for back in itertools.combinations(edited, size)]
        try:
            rules = {frozenset(back): mixed(id(segment), back) for back in combinations}
        except (ValueError, KeyError):
            return False
        if broken and any(leaf.get("attribute") == "age" for rule in rules.values() for leaf in leaves(rule)):
            return False
        crosses = {back: holds(rule, person) is enters for back, rule in rules.items()}
        return not any(
            self.say[one] == "suppress" and crosses[back] and not crosses[back | {one}]
            for one in edited
            for back in crosses
            if one not in back
        )

    def _exit(self, segment: Segment, contact: str, cause: str, triggers: bool) -> Crossing:
        segment.members = segment.members - {contact}
        return Crossing(segment.name, contact, "exits", segment.entered[contact], cause, triggers)

    def _contacts(self, scene: Scene) -> dict[str, Person]:
        found = {}
        for contact in {*scene.model, *self.imported}:
            row = scene.model.get(contact)
            person = dict(row) if row else {"city": self.imported[contact], "age": None, "score": None}
            person["score"] = self.score.get(contact, person["score"])
            found[contact] = person | {"fair": contact in self.fair}
        return found

    def _take_in(self, scene: Scene) -> None:
        """What imports change, and whom they mark: only those that they change, and only when the answer was no.
        Everybody in a batch of the pipeline counts as changed, and missing is no."""
        for one in scene.imports:
            if one in self.known:
                continue
            self.known.add(one)
            for contact, city, score in one.rows:
                before = self._contacts(scene).get(contact)
                # Nothing but an id brings nobody back who is gone: that is how a segment is frozen.
                changed = before is None and (contact not in self.seen or (city, score) != (None, None))
                if changed:
                    self.imported[contact] = None
                if city is not None and contact not in scene.model and (before or {}).get("city") != city:
                    self.imported[contact], changed = city, True
                if score is not None and (before or {}).get("score") != score:
                    self.score[contact], changed = score, True
                if one.to_list and contact not in self.fair:
                    self.fair.add(contact)
                    changed = True
                if changed and not one.yes:
                    self.marks.append((self.now, contact))
        self.marks += [(self.now, contact) for contact, answer in scene.batches if not answer]
        # Whom the model has is the model's from then on: no old import brings back who is deleted there.
        self.imported = {contact: city for contact, city in self.imported.items() if contact not in scene.model}
