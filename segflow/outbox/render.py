"""Templates to messages: sandboxed Jinja, compiled once per text, filled once per contact."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NoReturn

import jinja2

from segflow.errors import SegflowError, did_you_mean
from segflow.messages import AnyMessage, Email, Sms, WebhookCall
from segflow.outbox.records import PlannedMessage
from segflow.outbox.sandbox import MAX_OUTPUT, Environment, Loops, Missing
from segflow.specs.template_names import CONTACT, EVENT, names_used
from segflow.specs.templates import Template, load_template


class RenderError(SegflowError):
    """The message cannot be written; the text names the template, the line and the variable."""


@dataclass(frozen=True)
class _Text:
    """One compiled text. `label` is what errors call it, `first_line` where it starts in its file."""

    label: str
    template: jinja2.Template
    first_line: int

    def fill(self, context: Mapping[str, Any]) -> str:
        loops = Loops()
        parts: list[str] = []
        size = 0
        try:
            for part in self.template.generate({**context, "range": loops.range}):
                size += len(part)
                if size > MAX_OUTPUT:
                    raise RenderError(f"{self.label}: the text has more than {MAX_OUTPUT:,} characters")
                parts.append(part)
        except RenderError:
            raise
        except Exception as error:
            self._refuse(error)
        return "".join(parts)

    def _refuse(self, error: Exception) -> NoReturn:
        line = None
        traceback = error.__traceback__
        while traceback is not None:
            if traceback.tb_frame.f_code.co_filename == self.label:
                line = traceback.tb_lineno
            traceback = traceback.tb_next
        place = f"{self.label}, line {line + self.first_line - 1}" if line else self.label
        said = str(error) if isinstance(error, jinja2.TemplateError) else f"{type(error).__name__}: {error}"
        raise RenderError(f"{place}: {said}") from error


Filler = Callable[[Mapping[str, Any]], Any]
"""Takes the context, gives the filled text or structure."""


class Renderer:
    """Renders planned messages. Keeps compiled texts, so make one per send stage."""

    def __init__(self, template_dir: Path) -> None:
        options: dict[str, Any] = {"undefined": jinja2.StrictUndefined, "keep_trailing_newline": True}
        self._plain = Environment(autoescape=False, **options)
        self._html = Environment(autoescape=True, **options)
        self._template_dir = template_dir
        self._compiled: dict[tuple[str, str, str], dict[str, Filler]] = {}
        self._names: dict[tuple[str, str, str], frozenset[str]] = {}
        self._read: set[str] = set()

    def names(self, row: PlannedMessage) -> frozenset[str]:
        """The names that the templates of a message use, like `contact`; none when they cannot be read."""
        try:
            self._fillers(row)
        except RenderError:
            return frozenset()
        return self._names[_key(row)]

    def render(
        self,
        row: PlannedMessage,
        contact: Mapping[str, Any],
        address: str,
        as_of: datetime,
        known: Mapping[str, Any],
    ) -> AnyMessage:
        """The message for one contact. `contact`: attribute -> value, `contact_id` included; `known`: the other names
        (see Surroundings.of). None is missing.

        `address` is not used for webhooks. Raises RenderError.
        """
        context = _context(contact, as_of, known)
        body = {name: fill(context) for name, fill in self._fillers(row).items()}
        common: dict[str, Any] = {
            "message_id": row.message_id,
            "contact_id": row.contact_id,
            "flow": row.flow,
            "step": row.step,
            "planned_at": row.planned_at,
        }
        if row.channel == "email":
            subject = " ".join(str(body["subject"]).split())
            return Email(
                **common,
                to=address,
                subject=subject,
                text=body.get("text"),
                html=body.get("html"),
                sender_address=body.get("from"),
                reply_to=body.get("reply_to"),
            )
        if row.channel == "sms":
            return Sms(**common, to=address, text=str(body["text"]).strip())
        url = str(body["url"]).strip()
        return WebhookCall(**common, url=url, method=body["method"], headers=body["headers"], body=body.get("body"))

    def _fillers(self, row: PlannedMessage) -> dict[str, Filler]:
        key = _key(row)
        if key not in self._compiled:
            content = {name: value for name, value in json.loads(row.content).items() if value is not None}
            self._read = set()
            self._compiled[key] = self._compile(key[0], row.channel, content)
            self._names[key] = frozenset(self._read)
        return self._compiled[key]

    def _compile(self, place: str, channel: str, content: dict[str, Any]) -> dict[str, Filler]:
        if channel == "webhook":
            return {
                "url": self._text(content["url"], f"{place}, url"),
                "method": _always(content.get("method", "POST")),
                "headers": self._structure(content.get("headers", {}), f"{place}, headers"),
                "body": self._structure(content.get("body"), f"{place}, body"),
            }
        name = content.get("template")
        if name is None:
            texts = Template(text=content.get("text"), html=content.get("html"))
            labels = {part: f"{place}, {part}" for part in ("subject", "text", "html")}
        else:
            try:
                texts = load_template(self._template_dir, name)
            except SegflowError as error:
                raise RenderError(str(error)) from error
            labels = {"subject": f"template {name}, subject", "text": f"{name}.txt", "html": f"{name}.html"}
        fillers: dict[str, Filler] = {}
        if texts.text is not None:
            fillers["text"] = self._text(texts.text, labels["text"], texts.text_line)
        if channel == "sms":
            if "text" not in fillers:
                raise RenderError(f"{place}: template {name} has no .txt file, which an SMS needs")
            return fillers
        if texts.html is not None:
            fillers["html"] = self._text(texts.html, labels["html"], texts.html_line, self._html)
        if not fillers:
            raise RenderError(f"{place}: there is neither text nor html")
        subject = content.get("subject") or texts.subject
        if not subject:
            raise RenderError(f"{place}: there is no subject, neither in the step nor in the template")
        fillers["subject"] = self._text(subject, labels["subject"])
        reply_to = content.get("reply_to") or texts.reply_to
        return fillers | {"from": _always(content.get("from")), "reply_to": _always(reply_to)}

    def _text(self, source: str, label: str, first_line: int = 1, environment: Environment | None = None) -> Filler:
        environment = environment or self._plain
        try:
            tree = environment.parse(source, name=label, filename=label)
            code = environment.compile(tree, name=label, filename=label)
        except jinja2.TemplateSyntaxError as error:
            raise RenderError(f"{label}, line {error.lineno + first_line - 1}: {error.message}") from error
        self._read |= names_used(tree)
        template = environment.template_class.from_code(environment, code, environment.make_globals(None))
        return _Text(label, template, first_line).fill

    def _structure(self, value: Any, label: str) -> Filler:
        """A JSON value of which every text is a template."""
        if isinstance(value, str):
            return self._text(value, label)
        if isinstance(value, dict):
            parts = {name: self._structure(part, f"{label}.{name}") for name, part in value.items()}
            return lambda context: {name: fill(context) for name, fill in parts.items()}
        if isinstance(value, list):
            items = [self._structure(part, f"{label}[{number}]") for number, part in enumerate(value)]
            return lambda context: [fill(context) for fill in items]
        return _always(value)


class _Values:
    """The contact's attributes, or the values of another name. Not a dict: `contact.items` must be an attribute and not
    a method.

    A name that it cannot have fails the message at once, before `default(...)` or `is defined` hide it.
    """

    __slots__ = ("_named", "_values")

    def __init__(self, named: str, values: Mapping[str, Any]) -> None:
        self._named, self._values = named, {name: _value(f"{named}.{name}", value) for name, value in values.items()}

    def __getitem__(self, name: str) -> Any:
        if name in self._values:
            return self._values[name]
        near = did_you_mean(str(name), list(self._values))
        raise jinja2.UndefinedError(f"{self._named} has no {_PARTS.get(self._named, 'part')} {name}{near}")

    def __getattr__(self, name: str) -> Any:
        """For the filter `attr`, which looks at no items. Names with underscores are Python's own."""
        if name.startswith("_"):
            raise AttributeError(name)
        return self[name]

    def _whole(self, *_: object) -> NoReturn:
        part = (
            "an attribute, like contact.contact_id" if self._named == CONTACT else f"a part of it: {self._named}.NAME"
        )
        raise jinja2.UndefinedError(f"{self._named} is no value: name {part}")

    # Without these Python would print the object, and look for an end of the "sequence" that __getitem__ makes of it.
    __str__ = __iter__ = __contains__ = _whole


_PARTS = {CONTACT: "attribute", EVENT: "property"}


def _context(contact: Mapping[str, Any], as_of: datetime, known: Mapping[str, Any]) -> dict[str, Any]:
    context = {
        name: _Values(name, value) if isinstance(value, Mapping) else _value(name, value)
        for name, value in known.items()
    }
    return context | {CONTACT: _Values(CONTACT, contact), "as_of": as_of}


def _key(row: PlannedMessage) -> tuple[str, str, str]:
    """The content is the same text for all messages of one step of one version, and the key of what is compiled."""
    return f"flow {row.flow}, step {row.step}", row.channel, row.content


def _value(name: str, value: Any) -> Any:
    if value is None:
        when = "for such contacts" if name.startswith(f"{CONTACT}.") else "where that may be"
        return Missing(f"{name} is missing; write {{{{ {name} | default('...') }}}} {when}", name=name)
    return value.replace(tzinfo=UTC) if isinstance(value, datetime) and value.tzinfo is None else value


def _always(value: Any) -> Filler:
    return lambda _: value
