"""The names in templates: each must be one that every message has, whatever `default(...)` or `is defined` would hide.

What can be seen without rendering is told here, when specs load; the names that a template computes fail its messages.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from jinja2 import nodes
from jinja2.defaults import DEFAULT_NAMESPACE

from segflow.errors import did_you_mean

CONTACT = "contact"
EVENT, CROSSING, SEGMENT = "event", "crossing", "segment"
COUPONS = "coupons"
UNSUBSCRIBE_URL, PREFERENCES_URL = "unsubscribe_url", "preferences_url"
LINKS = (UNSUBSCRIBE_URL, PREFERENCES_URL)
"""Signed links, of what goes to the contact."""
OF_EVENT = ("name", "at")
"""What every event has; a property of the same name hides it."""
CONTEXT: dict[str, frozenset[str] | None] = {
    CONTACT: None,
    EVENT: None,
    "flow": frozenset({"id", "description", "goal", "owner"}),
    SEGMENT: frozenset({"id", "name", "description", "owner"}),
    CROSSING: frozenset({"kind", "cause", "entry_number"}),
    "enrollment": frozenset({"id", "enrolled_at", "visit"}),
    "step": frozenset(),
    "next_step": frozenset(),
    "as_of": frozenset(name for name in dir(datetime) if not name.startswith("_")),
    COUPONS: None,
    **dict.fromkeys(LINKS, frozenset[str]()),
}
"""The names that a template may use, with what each of them has; None: the catalog says it."""


@dataclass(frozen=True)
class Triggered:
    """What can have triggered the flow that a text is a part of."""

    properties: Collection[str] | None
    """Of the events that do; None: none does."""
    crossing: bool = True
    segment: bool = True
    flow: str = "this flow"
    """What messages call it."""
    links: bool = True
    """The project has what signed links need."""

    def lacks(self, name: str) -> str | None:
        """Why the flow's messages have no such name; None: they have."""
        if name == EVENT and self.properties is None:
            return f"event is the event that enrolled the contact; no event triggers {self.flow}"
        if name == CROSSING and not self.crossing:
            return f"crossing is the crossing that enrolled the contact; no crossing triggers {self.flow}"
        if name == SEGMENT and not self.segment:
            return f"segment is the segment that enrolled the contact; none triggers {self.flow}"
        if name in LINKS and not self.links:
            return f"{name} is a signed link: give delivery.public_url and delivery.link_secret in segflow.yml"
        return None


ANYTHING = Triggered(())

_LOOP = frozenset(
    {"index", "index0", "revindex", "revindex0", "first", "last", "length"}
    | {"depth", "depth0", "previtem", "nextitem", "cycle", "changed"}
)
_OF_JINJA = frozenset(DEFAULT_NAMESPACE) | {"loop", "caller", "varargs", "kwargs", "self"}
_OF_VALUES = frozenset(
    name for kind in (str, int, float, Decimal, date, datetime, list) for name in dir(kind) if not name.startswith("_")
)
"""What any value of an attribute has: `contact.since.year`, `contact.city.upper()`."""


def names_used(tree: nodes.Template) -> frozenset[str]:
    """The names of CONTEXT that a template reads."""
    return frozenset(name.name for name in tree.find_all(nodes.Name) if name.name in CONTEXT)


def coupons_used(tree: nodes.Template) -> Iterator[tuple[int, str]]:
    """(line, step) of each code that a template has: `coupons.STEP`."""
    for access in tree.find_all((nodes.Getattr, nodes.Getitem, nodes.Filter)):
        holder, field = _access(access)
        if isinstance(holder, nodes.Name) and holder.name == COUPONS and field is not None:
            yield access.lineno, field


def name_problems(
    tree: nodes.Template, attributes: Collection[str], triggered: Triggered = ANYTHING
) -> Iterator[tuple[int, str]]:
    """(line, what is wrong) of every name that no message has. `attributes`: those of the catalog; `triggered`: what
    messages can know of a trigger."""
    for kind in (nodes.Include, nodes.Import, nodes.FromImport, nodes.Extends):
        for node in tree.find_all(kind):
            yield node.lineno, "templates cannot include, import or extend others"
    known = {"contact_id", *attributes}
    own = {node.name for node in tree.find_all(nodes.Name) if node.ctx in ("store", "param")}
    own |= {node.name for node in tree.find_all(nodes.Macro)}
    for name in tree.find_all(nodes.Name):
        if name.name == CONTACT and name.ctx == "store":
            yield name.lineno, "contact is the contact of the message; call the variable something else"
        if name.ctx != "load" or name.name in own or name.name in _OF_JINJA:
            continue
        if name.name in CONTEXT:
            lacking = triggered.lacks(name.name)
            if lacking is not None:
                yield name.lineno, lacking
            continue
        if name.name in known:
            yield name.lineno, f"{name.name} is an attribute of the contact: write contact.{name.name}"
        else:
            hint = did_you_mean(name.name, list(CONTEXT)) or f"; there are {', '.join(CONTEXT)}"
            yield name.lineno, f"unknown name {name.name}{hint}"
    yield from _whole_contacts(tree)
    yield from _unknown_fields(tree, known, own, triggered)


def _whole_contacts(tree: nodes.Template) -> Iterator[tuple[int, str]]:
    """The contact where a value of it is wanted."""
    wrong = [(node.iter, "looped over") for node in tree.find_all(nodes.For)]
    wrong += [(node, "printed") for output in tree.find_all(nodes.Output) for node in output.nodes]
    for node, what in wrong:
        if isinstance(node, nodes.Name) and node.name == CONTACT:
            yield node.lineno, f"contact cannot be {what}: name an attribute, like contact.contact_id"


def _unknown_fields(
    tree: nodes.Template, known: set[str], own: set[str], triggered: Triggered
) -> Iterator[tuple[int, str]]:
    contacts = {CONTACT} | _others_of_contact(tree)
    context = {name: fields for name, fields in CONTEXT.items() if triggered.lacks(name) is None}
    if EVENT in context:
        context[EVENT] = frozenset({*OF_EVENT, *(triggered.properties or ())})
    for access in tree.find_all((nodes.Getattr, nodes.Getitem, nodes.Filter)):
        holder, field = _access(access)
        if field is None:
            continue
        if isinstance(holder, nodes.Name) and holder.name in contacts:
            if field not in known:
                near = did_you_mean(field, sorted(known))
                yield access.lineno, f"{holder.name}.{field}: the catalog has no attribute {field}{near}"
        elif isinstance(holder, nodes.Name):
            fields: Collection[str] | None = _LOOP if holder.name == "loop" else context.get(holder.name)
            if fields is not None and holder.name not in own and field not in fields:
                near = did_you_mean(field, sorted(fields))
                what = f"{holder.name} has no {field}"
                if holder.name == EVENT:
                    what = f"no event that triggers {triggered.flow} has a property {field}"
                yield access.lineno, f"{holder.name}.{field}: {what}{near}"
        elif isinstance(access, nodes.Getattr) and field not in _OF_VALUES:
            root, name = _access(holder)
            if not isinstance(root, nodes.Name) or name is None:
                continue
            fields = known if root.name in contacts else None if root.name in own else context.get(root.name)
            if fields is not None and name in fields:
                near = did_you_mean(field, sorted(_OF_VALUES))
                yield access.lineno, f"{root.name}.{name}.{field}: no value has {field}{near}"


def _access(node: nodes.Node) -> tuple[nodes.Node, str | None]:
    """`x.city`, `x['city']`, `x|attr('city')` as (x, "city"); None for a name that is computed."""
    if isinstance(node, nodes.Getattr):
        return node.node, node.attr
    argument: nodes.Node | None = None
    if isinstance(node, nodes.Getitem):
        argument = node.arg
    elif isinstance(node, nodes.Filter) and node.name == "attr" and node.args:
        argument = node.args[0]
    if not isinstance(argument, nodes.Expr) or not isinstance(node, nodes.Getitem | nodes.Filter) or node.node is None:
        return node, None
    try:
        value = argument.as_const()
    except nodes.Impossible:
        return node, None
    return node.node, value if isinstance(value, str) else None


def _others_of_contact(tree: nodes.Template) -> set[str]:
    """Names that only ever mean the contact: `{% set c = contact %}`, `{% with c = contact %}`, and the parameters of
    macros that are always called with it."""
    meant: dict[str, list[bool]] = {}

    def note(target: nodes.Node, value: nodes.Node) -> None:
        if isinstance(target, nodes.Name):
            meant.setdefault(target.name, []).append(isinstance(value, nodes.Name) and value.name == CONTACT)

    for one in tree.find_all(nodes.Assign):
        note(one.target, one.node)
    for block in tree.find_all(nodes.With):
        for target, value in zip(block.targets, block.values, strict=True):
            note(target, value)
    macros = {macro.name: macro for macro in tree.find_all(nodes.Macro)}
    for call in tree.find_all(nodes.Call):
        macro = macros.get(call.node.name) if isinstance(call.node, nodes.Name) else None
        if macro is not None:
            by_name = {target.name: target for target in macro.args}
            for target, value in zip(macro.args, call.args, strict=False):
                note(target, value)
            for keyword in call.kwargs:
                if keyword.key in by_name:
                    note(by_name[keyword.key], keyword.value)
    looped = {name.name for loop in tree.find_all(nodes.For) for name in _names_in(loop.target)}
    return {name for name, ways in meant.items() if all(ways)} - looped


def _names_in(target: nodes.Node) -> Iterator[nodes.Name]:
    if isinstance(target, nodes.Name):
        yield target
    yield from target.find_all(nodes.Name)
