"""Flows against the catalog, the segments, the settings and the templates."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from segflow.errors import did_you_mean
from segflow.messages import Channel, is_address
from segflow.specs import flow as f
from segflow.specs.catalog import Catalog
from segflow.specs.check_conditions import ConditionChecker, check_label, check_segment
from segflow.specs.check_entry import check_entry
from segflow.specs.check_messages import CHANNELS
from segflow.specs.check_settings import check_sender
from segflow.specs.check_values import check_literal, check_span
from segflow.specs.conditions import Enters
from segflow.specs.flow import FlowSpec, NamedFlow
from segflow.specs.loaded import Loaded, Reporter
from segflow.specs.spec_file import Loc
from segflow.specs.templates import check_template, check_text, read_template, template_names

TEMPLATES = "flow_specs/templates"
Step = Any


def check_flows(loaded: Loaded) -> None:
    """Check every flow, and every template file, used or not."""
    if loaded.catalog is None:
        return
    for flow in loaded.flows.values():
        _Flow(Reporter(loaded, flow.file), loaded.catalog, flow).check()
    folder = loaded.root / TEMPLATES
    of_drafts = _templates(loaded, drafts=True) - _templates(loaded, drafts=False)
    for name in template_names(folder):
        found = check_template(folder, name, TEMPLATES, loaded.catalog.contacts.attributes)
        # What only drafts use may be unfinished as they are.
        (loaded.warnings if name in of_drafts else loaded.issues).extend(found)


def _templates(loaded: Loaded, *, drafts: bool) -> set[str]:
    """The templates that drafts use, or all other flows."""
    flows = (flow for flow in loaded.flows.values() if (flow.file in loaded.drafts) is drafts)
    contents = (getattr(step, key, None) for flow in flows for step in flow.spec.walk() for key in CHANNELS)
    return {name for content in contents if (name := getattr(content, "template", None)) is not None}


def walk(steps: list[Step], loc: Loc) -> Iterator[tuple[Step, tuple[str | int, ...]]]:
    """Every step with its loc, branches included."""
    for index, step in enumerate(steps):
        at = (*loc, index)
        yield step, at
        if isinstance(step, f.BranchStep):
            yield from walk(step.branch.then, (*at, "branch", "then"))
            yield from walk(step.branch.else_, (*at, "branch", "else"))


class _Flow:
    def __init__(self, say: Reporter, catalog: Catalog, flow: NamedFlow) -> None:
        self.say, self.catalog, self.flow = say, catalog, flow
        self.spec: FlowSpec = flow.spec
        self.inside = ConditionChecker(say, catalog, enrollment=True, flow=flow)

    def check(self) -> None:
        self._trigger()
        self._include_members()
        if self.spec.where is not None:
            why = "when where is looked at there is none yet; use exit_when or a branch"
            ConditionChecker(self.say, self.catalog, enrollment=False, why=why).check(self.spec.where, ("where",))
        if isinstance(self.spec.reentry, f.AfterExit):
            check_span(self.say, self.spec.reentry.after_exit, ("reentry", "after_exit"))
        elif isinstance(self.spec.reentry, f.AfterEntry):
            check_span(self.say, self.spec.reentry.after_entry, ("reentry", "after_entry"))
        for index, condition in enumerate(self.spec.exit_when):
            self.inside.check(condition, ("exit_when", index))
        check_entry(self.say, self.flow, self.inside)
        first: dict[str, tuple[str | int, ...]] = {}
        for step, loc in walk(self.spec.steps, ("steps",)):
            if step.id in first:
                line = self.say.loaded.files[self.flow.file].place((*first[step.id], "id"))[0]
                self.say((*loc, "id"), f"step id {step.id} is there already, on line {line}; each step needs its own")
            first.setdefault(step.id, loc)
            self._step(step, loc)
        self._reachable(self.spec.steps, ("steps",))

    def _trigger(self) -> None:
        several = isinstance(self.spec.trigger, f.AnyEdge)
        seen: set[tuple[str, str]] = set()
        for index, edge in enumerate(self.spec.edges()):
            loc: Loc = ("trigger", "any", index) if several else ("trigger",)
            word, segment = ("enters", edge.enters) if isinstance(edge, Enters) else ("exits", edge.exits)
            check_segment(self.say, segment, (*loc, word))
            if (word, segment) in seen:
                self.say((*loc, word), f"{word} {segment} is given twice")
            seen.add((word, segment))

    def _include_members(self) -> None:
        """Whoever is outside of a segment need not have left it: only members can be taken in later."""
        if self.spec.include_members and not any(isinstance(edge, Enters) for edge in self.spec.edges()):
            message = "include_members offers the members of segments that trigger with enters; here is only exits"
            self.say(("include_members",), message, key=True)

    def _reachable(self, steps: list[Step], loc: Loc) -> bool:
        """Report what stands after the end of every path; True when some path gets past `steps`."""
        for index, step in enumerate(steps):
            passes = not isinstance(step, f.ExitStep)
            if isinstance(step, f.BranchStep):
                then = self._reachable(step.branch.then, (*loc, index, "branch", "then"))
                other = self._reachable(step.branch.else_, (*loc, index, "branch", "else"))
                passes = then or other
            if not passes:
                if index + 1 < len(steps):
                    self.say(
                        (*loc, index + 1), f"no contact gets to step {steps[index + 1].id}: {step.id} ends the flow"
                    )
                return False
        return True

    def _step(self, step: Step, loc: tuple[str | int, ...]) -> None:
        match step:
            case f.SendEmailStep():
                self._email(step.send_email, (*loc, "send_email"))
            case f.SendSmsStep():
                self._sms(step.send_sms, (*loc, "send_sms"))
            case f.WebhookStep():
                self._webhook(step.webhook, (*loc, "webhook"))
            case f.AddToListStep():
                check_label(self.say, self.catalog.lists, "list", step.add_to_list, (*loc, "add_to_list"))
            case f.RemoveFromListStep():
                check_label(self.say, self.catalog.lists, "list", step.remove_from_list, (*loc, "remove_from_list"))
            case f.UpdateContactStep():
                self._update(step.update_contact, (*loc, "update_contact"))
            case f.WaitStep():
                short = not self.say.loaded.files[self.flow.file].has((*loc, "wait", "for"))
                check_span(self.say, step.wait.for_, (*loc, "wait") if short else (*loc, "wait", "for"))
            case f.BranchStep():
                self.inside.check(step.branch.if_, (*loc, "branch", "if"))
                if not step.branch.then and not step.branch.else_:
                    self.say((*loc, "branch"), "the branch does nothing: give it steps under then: or else:", key=True)

    def _channel(self, channel: Channel, loc: Loc, sender: str | None) -> None:
        if channel != "webhook" and getattr(self.catalog.contacts.channels, channel) is None:
            message = f"the catalog does not say where contacts get {channel}: give contacts.channels.{channel}"
            self.say(loc, message, key=True)
        if sender is not None:
            check_sender(self.say, sender, channel, (*loc, "sender"))

    def _email(self, email: f.SendEmail, loc: tuple[str | int, ...]) -> None:
        self._channel("email", loc, email.sender)
        self._texts({"subject": email.subject, "text": email.text, "html": email.html}, loc)
        for key, value in (("from", email.from_), ("reply_to", email.reply_to)):
            if value is not None and not is_address(value):
                self.say((*loc, key), f"{key} must be an address, not '{value}'")
        if email.template is not None:
            template = self._template(email.template, loc)
            if template is not None and email.subject is None and template.subject is None:
                message = (
                    f"there is no subject: give subject: here, or in the front matter of template {email.template}"
                )
                self.say((*loc, "template"), message)

    def _sms(self, sms: f.SendSms, loc: tuple[str | int, ...]) -> None:
        self._channel("sms", loc, sms.sender)
        self._texts({"text": sms.text}, loc)
        if sms.template is not None:
            template = self._template(sms.template, loc)
            if template is not None and template.text is None:
                self.say((*loc, "template"), f"an SMS needs {sms.template}.txt; there is only {sms.template}.html")

    def _template(self, name: str, loc: tuple[str | int, ...]) -> Any:
        """The template, None when it is missing (reported here) or broken (reported with its file)."""
        folder = self.say.loaded.root / TEMPLATES
        template, issues = read_template(folder, name, TEMPLATES)
        if template is None and not issues:
            known = template_names(folder)
            hint = did_you_mean(name, known) or f": {TEMPLATES}/ has neither {name}.txt nor {name}.html"
            self.say((*loc, "template"), f"there is no template {name}{hint}")
        return template

    def _webhook(self, webhook: f.Webhook, loc: tuple[str | int, ...]) -> None:
        self._channel("webhook", loc, webhook.sender)
        if not webhook.url.startswith(("http://", "https://", "{{", "{%")):
            self.say((*loc, "url"), f"url must start with https:// or http://, not '{webhook.url[:40]}'")
        self._texts({"url": webhook.url}, loc)
        self._texts(dict(webhook.headers), (*loc, "headers"))
        self._body(webhook.body, (*loc, "body"))

    def _body(self, value: Any, loc: tuple[str | int, ...]) -> None:
        if isinstance(value, str):
            self._texts({str(loc[-1]): value}, loc[:-1], last=loc[-1])
        elif isinstance(value, dict):
            for key, inner in value.items():
                self._body(inner, (*loc, key))
        elif isinstance(value, list):
            for index, inner in enumerate(value):
                self._body(inner, (*loc, index))

    def _texts(self, texts: dict[str, str | None], loc: Loc, last: str | int | None = None) -> None:
        source = self.say.loaded.files[self.flow.file]
        for key, text in texts.items():
            if text is None:
                continue
            place = source.place((*loc, key if last is None else last))
            attributes = self.catalog.contacts.attributes
            self.say.loaded.issues += check_text(text, self.flow.file, place, attributes, whole_lines=False)

    def _update(self, values: dict[str, Any], loc: tuple[str | int, ...]) -> None:
        attributes = self.catalog.contacts.attributes
        for name, value in values.items():
            at = (*loc, name)
            if name not in attributes:
                self.say.unknown(at, "attribute", name, list(attributes))
                continue
            if attributes[name].written_by == "source":
                message = (
                    f"{name} is read from the contacts model only: give it written_by: both (or flows) in the catalog"
                )
                self.say(at, message, key=True)
            if value is not None:
                check_literal(self.say, value, attributes[name].type, at, name)
