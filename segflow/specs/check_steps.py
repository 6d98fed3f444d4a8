"""What a kind of step may ask while it is checked (`steps.base.Checks`), answered for one flow of a project."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from segflow.durations import Duration
from segflow.errors import did_you_mean
from segflow.messages import CONTACT_CHANNELS, OWNERS, Channel, is_address
from segflow.specs.attachments import find, too_large
from segflow.specs.catalog import Catalog
from segflow.specs.check_conditions import ConditionChecker, check_label
from segflow.specs.check_origins import event_properties, triggered, triggering_events
from segflow.specs.check_settings import check_sender
from segflow.specs.check_values import check_literal, check_span
from segflow.specs.flow import NamedFlow
from segflow.specs.loaded import Reporter
from segflow.specs.spec_file import Loc
from segflow.specs.steps.base import walk
from segflow.specs.templates import check_text, coupons_of, read_template, template_names
from segflow.zones import known_zone, zone_names

TEMPLATES = "flow_specs/templates"
OF_CONTACT = "contact"
"""In place of a zone: that of each contact."""


@dataclass(frozen=True)
class StepChecks:
    """The checks of one flow. See `steps.base.Checks` for what each does."""

    say: Reporter
    catalog: Catalog
    of: NamedFlow

    def problem(self, loc: Loc, message: str, *, key: bool = False) -> None:
        self.say(loc, message, key=key)

    def warn(self, loc: Loc, message: str) -> None:
        self.say.warn(loc, message)

    def unknown(self, loc: Loc, kind: str, name: str, known: Sequence[str]) -> None:
        self.say.unknown(loc, kind, name, known)

    def written(self, loc: Loc) -> bool:
        return self.say.loaded.files[self.of.file].has(loc)

    def condition(self, condition: Any, loc: Loc) -> None:
        ConditionChecker(self.say, self.catalog, enrollment=True, flow=self.of).check(condition, loc)

    def label(self, kind: str, name: str, loc: Loc) -> None:
        source = self.catalog.lists if kind == "list" else self.catalog.tags
        check_label(self.say, source, kind, name, loc)

    def other_flow(self, name: str, loc: Loc, instead: str) -> None:
        if name == self.of.id:
            self.say(loc, f"{name} is this flow; {instead}")
        elif name not in self.say.loaded.flow_ids:
            self.say.unknown(loc, "flow", name, sorted(self.say.loaded.flow_ids))

    def span(self, span: Duration, loc: Loc) -> None:
        check_span(self.say, span, loc)

    def attribute(self, name: str, loc: Loc) -> bool:
        known = self.catalog.contacts.attributes
        if name not in known:
            self.say.unknown(loc, "attribute", name, list(known))
        return name in known

    def date_attribute(self, name: str, loc: Loc) -> None:
        if self.attribute(name, loc) and self.catalog.contacts.attributes[name].type not in ("date", "timestamp"):
            kind = self.catalog.contacts.attributes[name].type
            self.say(loc, f"{name} is a {kind}; a date or a timestamp is needed here")

    def trigger_field(self, name: str, loc: Loc) -> None:
        """Check that the event that triggers has such a property, and that it is a date or a timestamp."""
        known = event_properties(self.of.spec, self.catalog)
        if not triggering_events(self.of.spec):
            self.say(loc, "trigger is about the event that enrolled the contact; no event triggers this flow", key=True)
        elif name not in known:
            self.say.unknown(loc, "property of the events that trigger this flow called", name, list(known))
        elif known[name].type not in ("date", "timestamp"):
            self.say(loc, f"{name} is a {known[name].type}; a date or a timestamp is needed here")

    def written_by_flows(self, name: str, loc: Loc) -> None:
        if self.catalog.contacts.attributes[name].written_by == "source":
            message = f"{name} is read from the contacts model only: give it written_by: both (or flows) in the catalog"
            self.say(loc, message, key=True)

    def literal(self, value: Any, attribute: str, loc: Loc) -> None:
        check_literal(self.say, value, self.catalog.contacts.attributes[attribute].type, loc, attribute)

    def timezone(self, name: str | None, loc: Loc) -> None:
        if name is None or known_zone(name):
            return
        if name != OF_CONTACT:
            near = did_you_mean(name, [OF_CONTACT, *zone_names()]) or "; write one like Europe/Berlin, or contact"
            self.say(loc, f"there is no time zone {name}{near}")
        elif self.catalog.contacts.time_zone is None:
            message = "the catalog does not say which zone contacts live in: give contacts.time_zone an attribute"
            self.say(loc, message)

    def channel(self, channel: Channel, loc: Loc, sender: str | None) -> None:
        if channel in CONTACT_CHANNELS and self.catalog.contacts.channels.of(channel) is None:
            message = f"the catalog does not say where contacts get {channel}: give contacts.channels.{channel}"
            self.say(loc, message, key=True)
        if sender is not None:
            check_sender(self.say, sender, channel, (*loc, "sender"))

    def topic(self, name: str, loc: Loc) -> None:
        known = self.catalog.topics
        if name not in known:
            self.say.unknown(loc, "topic", name, list(known), "topics are named in the catalog" if not known else "")

    def coupon_pool(self, name: str, loc: Loc) -> None:
        known = self.say.loaded.settings.coupons
        if known and name not in known:
            self.say.unknown(loc, "coupon pool", name, list(known), "pools are named in segflow.yml")

    def person(self, name: str, sender: str | None, loc: Loc) -> None:
        settings = self.say.loaded.settings
        found = settings.all_senders().get(sender or settings.default_senders.notify)
        known = found.known_people() if found is not None else None
        if known is None or name in known[0] or name in OWNERS or "{{" in name:
            return
        if not is_address(name):
            self.say.unknown(loc, "person", name, [*known[0], *OWNERS], "people are named at the sender")
        elif not known[1]:
            self.say(loc, f"the sender has no email: for addresses; name {name} among its people, or give it email:")

    def called(self, url: str, sender: str | None, loc: Loc) -> None:
        settings = self.say.loaded.settings
        found = settings.all_senders().get(sender or settings.default_senders.webhook)
        if found is not None and (why := found.refuses(url)) is not None:
            self.say.warn(loc, f"sending will refuse it: {why}")

    def texts(self, texts: Mapping[str, str | None], loc: Loc) -> None:
        for key, text in texts.items():
            if text is not None:
                self._text(text, (*loc, key))

    def body(self, value: Any, loc: Loc) -> None:
        if isinstance(value, str):
            self._text(value, loc)
        elif isinstance(value, dict):
            for key, inner in value.items():
                self.body(inner, (*loc, key))
        elif isinstance(value, list):
            for index, inner in enumerate(value):
                self.body(inner, (*loc, index))

    def attachments(self, names: Sequence[str], sender: str | None, loc: Loc) -> None:
        settings = self.say.loaded.settings
        found: list[Path] = []
        for number, name in enumerate(names):
            try:
                found.append(
                    find(self.say.loaded.root / settings.delivery.attachments, name, settings.delivery.attachments)
                )
            except ValueError as error:
                self.say((*loc, number), str(error))
        if why := too_large(found, settings.delivery.attachments_at_most):
            self.say(loc, why)
        taken_by = sender or settings.default_senders.email
        model = settings.all_senders().get(taken_by)
        if model is not None and "email" in model.channels and not model.sends_attachments:
            self.say(loc, f"sender {taken_by} (type {model.type}) sends no attachments")

    def template(self, name: str, loc: Loc) -> Any:
        folder = self.say.loaded.root / TEMPLATES
        template, issues = read_template(folder, name, TEMPLATES)
        if template is None and not issues:
            known = template_names(folder)
            hint = did_you_mean(name, known) or f": {TEMPLATES}/ has neither {name}.txt nor {name}.html"
            self.say((*loc, "template"), f"there is no template {name}{hint}")
        if template is not None:
            for text in (template.subject, template.text, template.html):
                self._coupons(text, (*loc, "template"))
        return template

    def _coupons(self, text: str | None, loc: Loc) -> None:
        """Report codes that no step has claimed before the one at `loc`."""
        named = coupons_of(text)
        if not named:
            return
        known: list[str] = []
        for step, at in walk(self.of.spec.steps, ("steps",)):
            if at == tuple(loc)[: len(at)] and not step.arms_at:
                break
            known += [step.id] if step.row().coupon is not None else []
        for name in dict.fromkeys(named):
            if name not in known:
                near = did_you_mean(name, known) or ""
                self.say(loc, f"coupons.{name}: no coupon step {name} comes before this one{near}")

    def _text(self, text: str, loc: Loc) -> None:
        self._coupons(text, loc)
        place = self.say.loaded.files[self.of.file].place(loc)
        attributes = self.catalog.contacts.attributes
        known = triggered(self.of, self.catalog, links=self.say.loaded.has_links)
        self.say.loaded.issues += check_text(text, self.of.file, place, attributes, known, whole_lines=False)
