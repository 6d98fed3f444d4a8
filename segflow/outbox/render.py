"""Templates to messages: sandboxed Jinja, compiled once per text, filled once per contact."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, NoReturn
from zoneinfo import ZoneInfo

import jinja2
from jinja2 import nodes

from segflow.errors import SegflowError
from segflow.messages import CONTACT_CHANNELS, AnyMessage, Attachment, Email
from segflow.outbox.attached import Attached
from segflow.outbox.contents import WRITERS, Filler, RenderError, Way, always, person, ways_of
from segflow.outbox.links import Links, unsubscribe_headers
from segflow.outbox.records import PlannedMessage
from segflow.outbox.sandbox import MAX_OUTPUT, Environment, Loops
from segflow.outbox.utm import UtmOf, no_utm, utm_of
from segflow.outbox.values import Unknown, Values, value_of
from segflow.specs.project import Specs
from segflow.specs.template_names import CONTACT, CONTEXT, PREFERENCES_URL, UNSUBSCRIBE_URL, names_used
from segflow.specs.templates import Template, load_template
from segflow.zones import UTC_ZONE


@dataclass(frozen=True)
class _Text:
    """One compiled text. `label` is what errors call it, `first_line` where it starts in its file."""

    label: str
    template: jinja2.Template
    first_line: int
    names: Mapping[str, Any]
    """What every template knows."""

    def fill(self, context: Mapping[str, Any]) -> str:
        parts: list[str] = []
        size = 0
        try:
            for part in self._parts({**self.names, **context, "range": Loops().range}):
                size += len(part)
                if size > MAX_OUTPUT:
                    raise RenderError(f"{self.label}: the text has more than {MAX_OUTPUT:,} characters")
                parts.append(part)
        except RenderError:
            raise
        except Exception as error:
            self._refuse(error)
        return "".join(parts)

    def _parts(self, names: dict[str, Any]) -> Iterator[str]:
        """What `Template.generate` gives, at a third of the cost: that looks at each global of the environment for each
        text."""
        template = self.template
        context = template.environment.context_class(template.environment, names, template.name, template.blocks)
        try:
            yield from template.root_render_func(context)
        except Exception:
            template.environment.handle_exception()

    def _refuse(self, error: Exception) -> NoReturn:
        line = None
        traceback = error.__traceback__
        while traceback is not None:
            if traceback.tb_frame.f_code.co_filename == self.label:
                line = traceback.tb_lineno
            traceback = traceback.tb_next
        place = f"{self.label}, line {line + self.first_line - 1}" if line else self.label
        try:
            said = str(error) if isinstance(error, jinja2.TemplateError) else f"{type(error).__name__}: {error}"
        except jinja2.UndefinedError as missing:  # a KeyError shows its key, which is a missing value
            said = str(missing)
        raise RenderError(f"{place}: {said}") from error


def _without_names(tree: nodes.Template) -> str | None:
    """The text that a template always gives; None when it has anything to fill in."""
    if not tree.body:
        return ""
    if len(tree.body) != 1 or not isinstance(tree.body[0], nodes.Output):
        return None
    parts = tree.body[0].nodes
    return (
        "".join(one.data for one in parts if isinstance(one, nodes.TemplateData))
        if all(isinstance(one, nodes.TemplateData) for one in parts)
        else None
    )


class Renderer:
    """Renders planned messages. Keeps compiled texts, so make one per send stage."""

    def __init__(
        self,
        template_dir: Path,
        footer: str = "",
        zone: ZoneInfo = UTC_ZONE,
        inline_css: bool = True,
        utm: UtmOf = no_utm,
        attached: Attached | None = None,
        links: Links | None = None,
    ) -> None:
        """`footer`: what marketing SMS end with. `zone`: the project's. `utm`: the parameters of links, by flow, step
        and what the step says. `attached`: where attachments come from; None: there are none. `links`: makes the signed
        links of messages; None: they have none."""
        options: dict[str, Any] = {"undefined": Unknown, "keep_trailing_newline": True}
        self._plain = Environment(autoescape=False, **options)
        self._html = Environment(autoescape=True, **options)
        self._template_dir, self._footer, self._zone = template_dir, footer, zone
        self._inline_css, self._utm, self._attached = inline_css, utm, attached
        self._links = links
        self._compiled: dict[tuple[str, str, str], dict[str, Filler]] = {}
        self._names: dict[tuple[str, str, str], frozenset[str]] = {}
        self._texts: dict[tuple[str, str], Filler] = {}
        self._read: set[str] = set()

    @classmethod
    def of(cls, specs: Specs) -> Renderer:
        """The renderer of a project."""
        delivery = specs.settings.delivery
        return cls(
            specs.template_dir,
            delivery.opt_out_footer,
            specs.settings.zone,
            delivery.inline_css,
            utm_of(specs),
            Attached(specs.path(delivery.attachments), delivery.attachments, delivery.attachments_at_most),
            Links.of(delivery),
        )

    def reads(self, name: str) -> None:
        """What is compiled now reads a name of the context."""
        self._read.add(name)

    def names(self, row: PlannedMessage, way: Way | None = None) -> frozenset[str]:
        """The names that the templates of a message use, like `contact`; none when they cannot be read."""
        way = way or _way_of(row)
        try:
            self._fillers(row, way)
        except RenderError:
            return frozenset()
        return self._names[_key(row, way)]

    def render(
        self,
        row: PlannedMessage,
        contact: Mapping[str, Any],
        address: str,
        as_of: datetime,
        known: Mapping[str, Any],
        way: Way | None = None,
    ) -> AnyMessage:
        """The message for one contact. `contact`: attribute -> value, `contact_id` included; `known`: the other names
        (see Surroundings.of). None is missing.

        `address` is used on channels that reach the contact. `way` is one of the message's own, that of its channel
        when left out. Raises RenderError.
        """
        way = way or _way_of(row)
        own = self._links_of(row, way)
        fillers = self._fillers(row, way)
        read = self._names[_key(row, way)]
        # What no template reads need not be put together.
        known = {name: value for name, value in known.items() if name in read or name not in CONTEXT}
        context = _context(contact, as_of, known | own)
        body = {name: fill(context) for name, fill in fillers.items()}
        common: dict[str, Any] = {
            "message_id": row.message_id,
            "contact_id": row.contact_id,
            "flow": row.flow,
            "step": row.step,
            "planned_at": row.planned_at,
        }
        message = WRITERS[way.channel].message(common, address, body)  # type: ignore[index]
        if (
            self._links is not None
            and isinstance(message, Email)
            and not ways_of(row.channel, row.content).transactional
        ):
            headers = {**message.headers, **unsubscribe_headers(own[UNSUBSCRIBE_URL])}
            message = replace(message, headers=headers, html=self._links.tracked(message))
        return message

    def _links_of(self, row: PlannedMessage, way: Way) -> dict[str, str]:
        """The links of a message to the contact itself."""
        if self._links is None or way.channel not in CONTACT_CHANNELS:
            return {}
        url = self._links.make(
            "unsubscribe",
            message_id=row.message_id,
            contact_id=row.contact_id,
            channel=way.channel,
            flow=row.flow,
            planned_at=row.planned_at,
        )
        return {UNSUBSCRIBE_URL: url, PREFERENCES_URL: f"{url}/preferences"}

    def fill(
        self,
        text: str,
        part: str,
        row: PlannedMessage,
        contact: Mapping[str, Any],
        as_of: datetime,
        known: Mapping[str, Any],
    ) -> str:
        """One text, filled for one contact, where there is no message of it. `part` is what errors call it."""
        place = f"flow {row.flow}, step {row.step}, {part}"
        if (place, text) not in self._texts:
            self._texts[place, text] = person(text, part, self._texts_of(row))
        return str(self._texts[place, text](_context(contact, as_of, known)))

    def _fillers(self, row: PlannedMessage, way: Way) -> dict[str, Filler]:
        key = _key(row, way)
        if key not in self._compiled:
            content = {name: value for name, value in way.content.items() if value is not None}
            compile_ = WRITERS[way.channel].compile  # type: ignore[index]
            self._read = set()
            self._compiled[key] = compile_(content, self._texts_of(row))
            self._names[key] = frozenset(self._read)
        return self._compiled[key]

    def _texts_of(self, row: PlannedMessage) -> _Texts:
        place = f"flow {row.flow}, step {row.step}"
        return _Texts(self, place, self._footer, self._template_dir, self._zone, self._inline_css, row)

    def utm(self, row: PlannedMessage, said: Any) -> Mapping[str, str]:
        """The parameters that links of a message get; `said`: what its step says of them."""
        return self._utm(row.flow, row.step, said)

    def attachments(self, names: Sequence[str], place: str) -> tuple[Attachment, ...]:
        """The files of these names. Raises RenderError."""
        if names and self._attached is None:
            raise RenderError(f"{place}: there is no folder of attachments")
        try:
            return self._attached.files(names) if names and self._attached is not None else ()
        except ValueError as error:
            raise RenderError(f"{place}, attachments: {error}") from error

    def compile_text(self, source: str, label: str, first_line: int = 1, *, html: bool = False) -> Filler:
        """A template as a function of its context. `label` is what errors call it, `first_line` where it starts."""
        environment = self._html if html else self._plain
        try:
            tree = environment.parse(source, name=label, filename=label)
            code = environment.compile(tree, name=label, filename=label)
        except jinja2.TemplateSyntaxError as error:
            raise RenderError(f"{label}, line {error.lineno + first_line - 1}: {error.message}") from error
        self._read |= names_used(tree)
        if (plain := _without_names(tree)) is not None and len(plain) <= MAX_OUTPUT:
            return always(plain)
        template = environment.template_class.from_code(environment, code, environment.make_globals(None))
        return _Text(label, template, first_line, dict(template.globals)).fill


@dataclass(frozen=True)
class _Texts:
    """Compiles the texts of one step."""

    renderer: Renderer
    place: str
    footer: str
    template_dir: Path
    zone: ZoneInfo
    inline_css: bool
    row: PlannedMessage

    def utm(self, content: Mapping[str, Any]) -> Mapping[str, str]:
        return self.renderer.utm(self.row, content.get("utm"))

    def attachments(self, names: Sequence[str]) -> tuple[Attachment, ...]:
        return self.renderer.attachments(names, self.place)

    def text(self, source: str, part: str) -> Filler:
        return self.renderer.compile_text(source, f"{self.place}, {part}")

    def reads(self, name: str) -> None:
        self.renderer.reads(name)

    def structure(self, value: Any, part: str) -> Filler:
        """A JSON value of which every text is a template."""
        if isinstance(value, str):
            return self.text(value, part)
        if isinstance(value, dict):
            parts = {name: self.structure(inner, f"{part}.{name}") for name, inner in value.items()}
            return lambda context: {name: fill(context) for name, fill in parts.items()}
        if isinstance(value, list):
            items = [self.structure(inner, f"{part}[{number}]") for number, inner in enumerate(value)]
            return lambda context: [fill(context) for fill in items]
        return always(value)

    def parts(self, content: Mapping[str, Any]) -> dict[str, Filler]:
        name = content.get("template")
        if name is None:
            texts = Template(text=content.get("text"), html=content.get("html"))
            labels = {part: f"{self.place}, {part}" for part in ("subject", "text", "html")}
        else:
            try:
                texts = load_template(self.template_dir, name)
            except SegflowError as error:
                raise RenderError(str(error)) from error
            labels = {"subject": f"template {name}, subject", "text": f"{name}.txt", "html": f"{name}.html"}
        fillers: dict[str, Filler] = {"reply_to": always(content.get("reply_to") or texts.reply_to)}
        if texts.text is not None:
            fillers["text"] = self.renderer.compile_text(texts.text, labels["text"], texts.text_line)
        if texts.html is not None:
            fillers["html"] = self.renderer.compile_text(texts.html, labels["html"], texts.html_line, html=True)
        if subject := content.get("subject") or texts.subject:
            fillers["subject"] = self.renderer.compile_text(subject, labels["subject"])
        return fillers


def _context(contact: Mapping[str, Any], as_of: datetime, known: Mapping[str, Any]) -> dict[str, Any]:
    context = {
        name: Values(name, value) if isinstance(value, Mapping) else value_of(name, value)
        for name, value in known.items()
    }
    return context | {CONTACT: Values(CONTACT, contact), "as_of": as_of}


def _key(row: PlannedMessage, way: Way) -> tuple[str, str, str]:
    """The content is the same text for all messages of one step of one version, and the key of what is compiled."""
    return f"flow {row.flow}, step {row.step}", way.channel, row.content


def _way_of(row: PlannedMessage) -> Way:
    """The way of the message's channel."""
    ways = ways_of(row.channel, row.content).ways
    return next((way for way in ways if way.channel == row.channel), ways[0])
