"""What a planned message holds, by channel: which of its texts are filled, and the message that comes of them.

`content` of a planned message is the step's settings as JSON. One that may go by several channels has `ways` instead:
a list of `{channel, sender, content}` in the order in which they are tried.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol
from zoneinfo import ZoneInfo

from segflow.durations import Duration
from segflow.errors import SegflowError
from segflow.messages import (
    OWNERS,
    AnyMessage,
    Attachment,
    Channel,
    Email,
    Notify,
    Sms,
    Task,
    WebhookCall,
    WhatsApp,
    WhatsAppButton,
    WhatsAppHeader,
)
from segflow.outbox.html import inlined, text_of
from segflow.outbox.sms_parts import as_sent
from segflow.outbox.utm import tagged_html, tagged_text

Filler = Callable[[Mapping[str, Any]], Any]
"""Takes the context, gives the filled text or structure."""


class RenderError(SegflowError):
    """The message cannot be written; the text names the template, the line and the variable."""


@dataclass(frozen=True)
class Way:
    """One way for a message to go. `sender` None: the default of the channel."""

    channel: str
    content: Mapping[str, Any]
    sender: str | None = None
    only_default: bool = False
    """Taken by those alone who like this channel best."""


@dataclass(frozen=True)
class Ways:
    """The ways of one message, in the order in which they are tried."""

    ways: tuple[Way, ...]
    transactional: bool = False
    """It needs no consent: the contact itself asked for it."""
    topic: str | None = None
    """What it is about; None: what its flow is about, if that says so."""
    contact_first: bool = False
    """The channel that the contact likes best comes before the others."""

    def of(self, default: str | None) -> Sequence[Way]:
        """As they are tried for a contact that likes `default` best."""
        if not self.contact_first:
            return self.ways
        first = [way for way in self.ways if way.channel == default]
        return first + [way for way in self.ways if way.channel != default and not way.only_default]


@functools.lru_cache(maxsize=1_000)
def ways_of(channel: str, content: str) -> Ways:
    """The ways of a planned message; most have one."""
    told = json.loads(content)
    transactional = told.get("category") == "transactional"
    if "ways" not in told:
        return Ways((Way(channel, told),), transactional, told.get("topic"))
    ways = tuple(
        Way(**{**one, "content": {"category": told.get("category"), **one["content"]}}) for one in told["ways"]
    )
    return Ways(ways, transactional, told.get("topic"), bool(told.get("contact_first")))


@functools.lru_cache(maxsize=1_000)
def category_of(content: str | None) -> str:
    """marketing or transactional."""
    told = json.loads(content) if content else None
    transactional = isinstance(told, dict) and told.get("category") == "transactional"
    return "transactional" if transactional else "marketing"


class Texts(Protocol):
    """What compiles texts; see `render.Renderer`."""

    @property
    def place(self) -> str:
        """What errors call the step."""
        ...

    @property
    def footer(self) -> str: ...
    @property
    def zone(self) -> ZoneInfo: ...
    @property
    def inline_css(self) -> bool: ...
    def utm(self, content: Mapping[str, Any]) -> Mapping[str, str]:
        """The parameters that the links of an email get; none: they stay as they are."""
        ...

    def attachments(self, names: Sequence[str]) -> tuple[Attachment, ...]:
        """The files. Raises RenderError."""
        ...

    def text(self, source: str, part: str) -> Filler: ...
    def reads(self, name: str) -> None:
        """A filler of ours reads a name of the context."""
        ...

    def structure(self, value: Any, part: str) -> Filler: ...
    def parts(self, content: Mapping[str, Any]) -> dict[str, Filler]:
        """Those of subject, text, html and reply_to that the content or its template has."""
        ...


@dataclass(frozen=True)
class Writer:
    """How messages of a channel are written: the texts of a content, compiled once, and the message of one contact.

    `message` gets what all messages have, the contact's address and the filled texts.
    """

    compile: Callable[[Mapping[str, Any], Texts], dict[str, Filler]]
    message: Callable[[dict[str, Any], str, Mapping[str, Any]], AnyMessage]


def always(value: Any) -> Filler:
    return lambda _: value


def _email_texts(content: Mapping[str, Any], texts: Texts) -> dict[str, Filler]:
    fillers = texts.parts(content)
    if "text" not in fillers and "html" not in fillers:
        raise RenderError(f"{texts.place}: there is neither text nor html")
    if "subject" not in fillers:
        raise RenderError(f"{texts.place}: there is no subject, neither in the step nor in the template")
    return fillers | {
        "from": always(content.get("from")),
        "utm": always(texts.utm(content)),
        "inline_css": always(texts.inline_css),
        "attachments": always(texts.attachments(content.get("attachments", ()))),
    }


def _email(common: dict[str, Any], address: str, body: Mapping[str, Any]) -> Email:
    text, html, utm = body.get("text"), body.get("html"), body["utm"]
    # In this order: what is looked at are the links and rules that this contact gets, and its text has the same links.
    if utm:
        text, html = text and tagged_text(text, utm), html and tagged_html(html, utm)
    if html is not None and body["inline_css"]:
        html = _inlined(html, common)
    if text is None and html is not None:
        text = text_of(html if body["inline_css"] else _as_seen(html))
    return Email(
        **common,
        to=address,
        subject=one_line(str(body["subject"])),
        text=text,
        html=html,
        sender_address=body.get("from"),
        reply_to=body.get("reply_to"),
        attachments=body["attachments"],
    )


def _as_seen(html: str) -> str:
    """HTML whose elements say themselves whether they are shown, as far as that can be told."""
    try:
        return inlined(html)
    except ValueError:
        return html


def _inlined(html: str, common: Mapping[str, Any]) -> str:
    try:
        return inlined(html)
    except ValueError as error:
        raise RenderError(f"flow {common['flow']}, step {common['step']}, html: {error}") from error


_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def one_line(text: str) -> str:
    """A text that goes into a header: without line breaks and other control characters, blanks one at a time."""
    return " ".join(_CONTROL.sub(" ", text).split())


def _sms_texts(content: Mapping[str, Any], texts: Texts) -> dict[str, Filler]:
    fillers = texts.parts(content)
    if "text" not in fillers:
        if content.get("template") is None:
            raise RenderError(f"{texts.place}: there is no text, which an SMS needs")
        raise RenderError(f"{texts.place}: template {content['template']} has no .txt file, which an SMS needs")
    wanted = content.get("opt_out_footer")
    footer = texts.footer if (content.get("category") != "transactional" if wanted is None else wanted) else ""
    own = {name: always(content.get(name)) for name in ("sender_id", "campaign")}
    return {"text": fillers["text"], "footer": always(footer), **own}


def _sms(common: dict[str, Any], address: str, body: Mapping[str, Any]) -> Sms:
    text = as_sent(with_footer(str(body["text"]).strip(), body["footer"]))
    return Sms(**common, to=address, text=text, sender_id=body["sender_id"], campaign=body["campaign"])


def with_footer(text: str, footer: str) -> str:
    """The text with the footer in a line of its own, unless it says that already."""
    footer = footer.strip()
    return text if _plain(footer) in _plain(text) else f"{text}\n{footer}"


def _plain(text: str) -> str:
    return " ".join(text.split()).casefold().rstrip(".! ")


def _whatsapp_texts(content: Mapping[str, Any], texts: Texts) -> dict[str, Filler]:
    return {
        "template": always(content["template"]),
        "language": always(content["language"]),
        "variables": texts.structure(content.get("variables", []), "variables"),
        "header": texts.structure(content.get("header"), "header"),
        "buttons": texts.structure(content.get("buttons", []), "buttons"),
    }


def _whatsapp(common: dict[str, Any], address: str, body: Mapping[str, Any]) -> WhatsApp:
    values = body["variables"]
    named = {name: _variable(name, value) for name, value in (values if isinstance(values, dict) else {}).items()}
    listed = tuple(_variable(str(number), value) for number, value in enumerate(values, 1))
    variables = named if isinstance(values, dict) else listed
    return WhatsApp(
        **common,
        to=address,
        template=body["template"],
        language=body["language"],
        variables=variables,
        header=_header(body["header"]) if body["header"] is not None else None,
        buttons=tuple(_button(one) for one in body["buttons"]),
    )


def _variable(name: str, value: Any) -> str:
    return _value(f"variable {name} of the WhatsApp template", value)


def _value(name: str, value: Any) -> str:
    # WhatsApp takes no line breaks in a value, and no empty one: the whole message would be refused.
    text = " ".join(str(value).split())
    if not text:
        raise RenderError(f"{name} is empty")
    return text


def _unbroken(name: str, value: Any) -> str:
    """A value that is an address, or a part of one."""
    text = _value(name, value)
    if " " in text:
        raise RenderError(f"{name} holds a blank: write | urlencode")
    return text


def _header(told: Mapping[str, Any]) -> WhatsAppHeader:
    [(kind, given)] = told.items()
    if kind == "text":
        named = dict(given) if isinstance(given, dict) else {None: given}
        [(name, text)] = named.items()
        value = {"name": name} if name is not None else {}
        return WhatsAppHeader("text", value | {"text": _value("the header of the WhatsApp template", text)})
    value = {name: _value(f"the header's {name}", text) for name, text in given.items()}
    if "link" in value:
        if not value["link"].startswith(("https://", "http://")):
            raise RenderError("the header's link is not http:// or https://")
        _unbroken("the header's link", value["link"])
    return WhatsAppHeader(kind, value)  # type: ignore[arg-type]


def _button(told: Mapping[str, Any]) -> WhatsAppButton:
    name = f"button {told['index']} of the WhatsApp template"
    if "url" in told:
        return WhatsAppButton(told["index"], "url", _unbroken(name, told["url"]))
    return WhatsAppButton(told["index"], "quick_reply", _value(name, told["quick_reply"]))


def _webhook_texts(content: Mapping[str, Any], texts: Texts) -> dict[str, Filler]:
    return {
        "url": texts.text(content["url"], "url"),
        "method": always(content.get("method", "POST")),
        "headers": texts.structure(content.get("headers", {}), "headers"),
        "body": texts.structure(content.get("body"), "body"),
    }


def _webhook(common: dict[str, Any], _: str, body: Mapping[str, Any]) -> WebhookCall:
    url = str(body["url"]).strip()
    return WebhookCall(**common, url=url, method=body["method"], headers=body["headers"], body=body.get("body"))


def _notify_texts(content: Mapping[str, Any], texts: Texts) -> dict[str, Filler]:
    fillers = {"to": person(content["to"], "to", texts), "text": texts.text(content["text"], "text")}
    if content.get("title") is not None:
        fillers["title"] = texts.text(content["title"], "title")
    return fillers


def person(name: str, part: str, texts: Texts) -> Filler:
    """A name, an address, a text that is filled, or whoever owns the flow or the segment that enrolled the contact."""
    if name not in OWNERS:
        return texts.text(name, part)
    word, place = name.partition("_")[0], texts.place
    texts.reads(word)

    def owner(context: Mapping[str, Any]) -> str:
        found = context[word]["owner"]
        if not isinstance(found, str):
            raise RenderError(f"{place}: {part} is the {word}'s owner, and the {word} has none: give it owner:")
        return str(found)

    return owner


def _notify(common: dict[str, Any], _: str, body: Mapping[str, Any]) -> Notify:
    title = one_line(str(body["title"])) if "title" in body else None
    return Notify(**common, to=str(body["to"]).strip(), text=str(body["text"]).strip(), title=title)


def _task_texts(content: Mapping[str, Any], texts: Texts) -> dict[str, Filler]:
    due = Duration.parse(content["due"]) if "due" in content else None
    fillers = {
        "title": texts.text(content["title"], "title"),
        "due": always(due),
        "zone": always(texts.zone),
    }
    if content.get("assignee") is not None:
        fillers["assignee"] = person(content["assignee"], "assignee", texts)
    return fillers


def _task(common: dict[str, Any], _: str, body: Mapping[str, Any]) -> Task:
    due = body["due"]
    return Task(
        **common,
        title=one_line(str(body["title"])),
        assignee=str(body["assignee"]).strip() if "assignee" in body else None,
        due_at=due.after(common["planned_at"], body["zone"]) if due else None,
    )


WRITERS: Mapping[Channel, Writer] = {
    "email": Writer(_email_texts, _email),
    "sms": Writer(_sms_texts, _sms),
    "whatsapp": Writer(_whatsapp_texts, _whatsapp),
    "webhook": Writer(_webhook_texts, _webhook),
    "notify": Writer(_notify_texts, _notify),
    "task": Writer(_task_texts, _task),
}
