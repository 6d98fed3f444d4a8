"""Flows against the catalog, the segments, the settings and the templates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from segflow.errors import did_you_mean
from segflow.specs import flow as f
from segflow.specs.catalog import Catalog
from segflow.specs.check_conditions import ConditionChecker, check_segment
from segflow.specs.check_earlier_names import check_earlier_names
from segflow.specs.check_entry import check_entry
from segflow.specs.check_origins import triggered
from segflow.specs.check_steps import TEMPLATES, StepChecks
from segflow.specs.check_values import check_span
from segflow.specs.clock_times import CONTACT_ZONE
from segflow.specs.conditions import PropertyNode
from segflow.specs.flow import FlowSpec, NamedFlow
from segflow.specs.loaded import Loaded, Reporter
from segflow.specs.skip_after import SkipField
from segflow.specs.spec_file import Loc
from segflow.specs.steps import Step, walk
from segflow.specs.template_names import Triggered
from segflow.specs.templates import check_template, template_names
from segflow.specs.triggers import AnyTrigger, TriggerModel
from segflow.specs.triggers.crossing import EntersTrigger
from segflow.specs.triggers.manual import ManualTrigger
from segflow.zones import known_zone, zone_names


def check_flows(loaded: Loaded) -> None:
    """Check every flow, and every template file, used or not."""
    if loaded.catalog is None:
        return
    renamed: dict[str, str] = {}
    for flow in loaded.flows.values():
        check_earlier_names(Reporter(loaded, flow.file), flow, "flow", loaded.flow_ids, renamed)
        _Flow(Reporter(loaded, flow.file), loaded.catalog, flow).check()
    folder = loaded.root / TEMPLATES
    of_drafts = _templates(loaded, drafts=True) - _templates(loaded, drafts=False)
    for name in template_names(folder):
        attributes = loaded.catalog.contacts.attributes
        for known in _triggered(loaded, loaded.catalog, name):
            found = check_template(folder, name, TEMPLATES, attributes, known)
            # What only drafts use may be unfinished as they are.
            issues = loaded.warnings if name in of_drafts else loaded.issues
            issues += [issue for issue in found if issue not in issues]


def _triggered(loaded: Loaded, catalog: Catalog, template: str) -> list[Triggered]:
    """What can have triggered the messages of a template: of each flow that uses it, once."""
    found: dict[tuple[object, ...], Triggered] = {}
    for flow in loaded.flows.values():
        if any(getattr(step.body, "template", None) == template for step in flow.spec.walk() if step.sends is not None):
            one = triggered(flow, catalog, f"flow {flow.id}, which uses this template", links=loaded.has_links)
            found.setdefault((one.properties, one.crossing, one.segment), one)
    if found:
        return list(found.values())
    names = frozenset(name for _, properties in catalog.events_named("").values() for name in properties)
    return [Triggered(names, flow="a flow", links=loaded.has_links)]


def _templates(loaded: Loaded, *, drafts: bool) -> set[str]:
    """The templates that drafts use, or all other flows."""
    flows = (flow for flow in loaded.flows.values() if (flow.file in loaded.drafts) is drafts)
    return {name for flow in flows for step in flow.spec.walk() for name in step.templates}


@dataclass(frozen=True)
class _TriggerCheck:
    """What `triggers.base.TriggerCheck` asks for."""

    say: Reporter
    catalog: Catalog

    def __call__(self, loc: Loc, message: str, *, key: bool = False) -> None:
        self.say(loc, message, key=key)

    def segment(self, name: str, loc: Loc) -> None:
        check_segment(self.say, name, loc)

    def zone(self, name: str | None, loc: Loc) -> None:
        if name == CONTACT_ZONE:
            if self.catalog.contacts.time_zone is None:
                self.say(loc, "the catalog does not say which zone contacts are in: give contacts.time_zone")
        elif name is not None and not known_zone(name):
            near = did_you_mean(name, [CONTACT_ZONE, *zone_names()])
            self.say(loc, f"there is no time zone {name}{near or '; write one like Europe/Berlin, or contact'}")

    def unknown(self, loc: Loc, kind: str, name: str, known: Sequence[str]) -> None:
        self.say.unknown(loc, kind, name, known)

    def event(self, name: str, where: PropertyNode | None, loc: Loc) -> None:
        ConditionChecker(self.say, self.catalog, enrollment=False).rows_of_event(name, where, loc)


class _Flow:
    def __init__(self, say: Reporter, catalog: Catalog, flow: NamedFlow) -> None:
        self.say, self.catalog, self.flow = say, catalog, flow
        self.spec: FlowSpec = flow.spec
        self.inside = ConditionChecker(say, catalog, enrollment=True, flow=flow)
        self.checks = StepChecks(say, catalog, flow)

    def check(self) -> None:
        self._trigger()
        self._include_members()
        if self.spec.max_lateness is not None:
            check_span(self.say, self.spec.max_lateness, ("max_lateness",))
        if self.spec.where is not None:
            why = "when where is looked at there is none yet; use exit_when or a branch"
            before = ConditionChecker(self.say, self.catalog, enrollment=False, why=why, flow=self.flow)
            before.check(self.spec.where, ("where",))
        if isinstance(self.spec.reentry, f.AfterExit):
            check_span(self.say, self.spec.reentry.after_exit, ("reentry", "after_exit"))
        elif isinstance(self.spec.reentry, f.AfterEntry):
            check_span(self.say, self.spec.reentry.after_entry, ("reentry", "after_entry"))
        if self.spec.window is not None:
            self.checks.timezone(self.spec.window.timezone, ("window", "timezone"))
        if self.spec.topic is not None:
            self.checks.topic(self.spec.topic, ("topic",))
        for index, condition in enumerate(self.spec.exit_when):
            self.inside.check(condition, ("exit_when", index))
        check_entry(self.say, self.flow, self.inside)
        first: dict[str, tuple[str | int, ...]] = {}
        for step, loc in walk(self.spec.steps, ("steps",)):
            if step.id in first:
                line = self.say.loaded.files[self.flow.file].place((*first[step.id], "id"))[0]
                self.say((*loc, "id"), f"step id {step.id} is there already, on line {line}; each step needs its own")
            first.setdefault(step.id, loc)
            step.check(self.checks, loc)
            self._skip_after(step, (*loc, "skip_after"))
            for arm in step.arms():
                if arm.condition is not None:
                    self.inside.check(arm.condition, (*loc, *arm.condition_at))
        self._reachable(self.spec.steps, ("steps",))

    def _trigger(self) -> None:
        several = isinstance(self.spec.trigger, AnyTrigger)
        check = _TriggerCheck(self.say, self.catalog)
        seen: list[TriggerModel] = []
        for index, one in enumerate(self.spec.triggers()):
            loc: tuple[str | int, ...] = ("trigger", "any", index) if several else ("trigger",)
            one.check(check, loc)
            if several and isinstance(one, ManualTrigger):
                told = "manual: true stands alone: contacts can be enrolled by hand whatever the trigger"
                self.say((*loc, one.word), told, key=True)
            if one in seen:
                self.say((*loc, one.word), f"{one.told()} is given twice")
            seen.append(one)

    def _include_members(self) -> None:
        """Whoever is outside of a segment need not have left it: only members can be taken in later."""
        if self.spec.include_members and not any(isinstance(one, EntersTrigger) for one in self.spec.triggers()):
            words = ", ".join(dict.fromkeys(one.word for one in self.spec.triggers()))
            message = f"include_members offers the members of segments that trigger with enters; here is only {words}"
            self.say(("include_members",), message, key=True)

    def _skip_after(self, step: Step, loc: Loc) -> None:
        if not isinstance(step.skip_after, SkipField):
            return
        if step.skip_after.attribute is not None:
            self.checks.date_attribute(step.skip_after.attribute, (*loc, "attribute"))
        else:
            self.checks.trigger_field(step.skip_after.trigger or "", (*loc, "trigger"))

    def _reachable(self, steps: Sequence[Step], loc: Loc) -> bool:
        """Report what stands after the end of every path; True when some path gets past `steps`."""
        for index, step in enumerate(steps):
            at = (*loc, index)
            ways = [arm.ends is None and self._reachable(arm.steps, (*at, *arm.at)) for arm in step.arms()]
            # What can be passed by ends nothing.
            if not any(ways) and step.skip_after is None:
                if index + 1 < len(steps):
                    self.say(
                        (*loc, index + 1), f"no contact gets to step {steps[index + 1].id}: {step.id} ends the flow"
                    )
                return False
        return True
