"""What signed links lead to: unsubscribing with one click from the mail program (RFC 8058) or on a page, preferences,
and what counts opens and clicks."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from fastapi import APIRouter, Request, Response
from fastapi.responses import PlainTextResponse, RedirectResponse

from segflow.outbox.links import SHOWN, BadLinkError, ExpiredLinkError, Link, Links, Purpose
from segflow.outbox.spool import LinkKind, LinkUse
from segflow.serve import pages
from segflow.serve.pages import Choice
from segflow.serve.spooling import FullError, GroupWriter
from segflow.specs.catalog import Topic

_WORDS = {"email": "marketing emails", "sms": "marketing text messages", "whatsapp": "marketing WhatsApp messages"}
_PICTURE = base64.b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")
_KINDS: dict[str, LinkKind] = {"on": "subscribed", "off": "unsubscribed"}


def link_routes(
    links: Links | None, writer: GroupWriter, channels: Sequence[str], topics: Mapping[str, Topic]
) -> APIRouter:
    """The routes. Without `links` every link is unknown. `channels`: those that reach contacts, and `topics` of the
    catalog, for the preferences."""
    router = APIRouter(include_in_schema=False)
    # The field of a choice -> what it is of: a channel, a topic.
    offered: dict[str, tuple[str | None, str | None]] = {channel: (channel, None) for channel in channels}
    offered |= {f"topic:{topic}": (None, topic) for topic in topics}
    choices = [Choice(channel, f"{_WORDS[channel].capitalize()}:") for channel in channels]
    choices += [
        Choice(f"topic:{name}", f"{topic.label or name.replace('_', ' ').capitalize()}:", topic.description)
        for name, topic in topics.items()
    ]

    def read(token: str) -> Link | Response:
        if links is None:
            return pages.unknown()
        try:
            return links.read("unsubscribe", token, datetime.now(UTC))
        except ExpiredLinkError:
            return pages.gone()
        except BadLinkError:
            return pages.unknown()

    async def keep(link: Link, kind: LinkKind, channel: str, topic: str | None = None) -> Response | None:
        """Make it durable. What to answer when that does not work, or changes nothing."""
        if link.message_id == SHOWN:
            return pages.shown()
        use = LinkUse(
            kind=kind,
            message_id=link.message_id,
            contact_id=link.contact_id,
            channel=channel,
            received_at=datetime.now(UTC),
            topic=topic,
        )
        try:
            await writer.keep(use)
        except FullError:
            return PlainTextResponse("not now, try again", 503, {"retry-after": "10"})
        return None

    @router.get("/unsubscribe/{token}")
    async def ask(token: str) -> Response:
        link = read(token)
        return link if isinstance(link, Response) else pages.ask(_WORDS.get(link.channel, "messages"), token)

    @router.post("/unsubscribe/{token}")
    async def unsubscribe(token: str, request: Request) -> Response:
        link = read(token)
        if isinstance(link, Response):
            return link
        async with request.form(max_files=0, max_fields=20, max_part_size=4_096) as form:
            one_click = form.get("List-Unsubscribe") == "One-Click"
            if not one_click and form.get("unsubscribe") != "yes":
                return PlainTextResponse("the body must be List-Unsubscribe=One-Click", 400)
        if (failed := await keep(link, "unsubscribed", link.channel)) is not None:
            return failed
        # No redirect and no question: the mail program shows what it likes.
        if one_click:
            return PlainTextResponse("unsubscribed")
        return pages.done(_WORDS.get(link.channel, "messages"), token)

    @router.get("/unsubscribe/{token}/preferences")
    async def preferences(token: str) -> Response:
        link = read(token)
        return link if isinstance(link, Response) else pages.preferences(choices, f"../{token}")

    @router.post("/unsubscribe/{token}/preferences")
    async def choose(token: str, request: Request) -> Response:
        link = read(token)
        if isinstance(link, Response):
            return link
        async with request.form(max_files=0, max_fields=100 + len(offered), max_part_size=4_096) as form:
            wanted = {key: str(form.get(key, "keep")) for key in offered}
        changed = {key: _KINDS[said] for key, said in wanted.items() if said in _KINDS}
        for key, kind in changed.items():
            channel, topic = offered[key]
            if (failed := await keep(link, kind, channel or link.channel, topic)) is not None:
                return failed
        return pages.saved(bool(changed))

    def followed(purpose: Purpose, token: str) -> tuple[Link | None, bool]:
        """What a link says that only counts, and whether it is still to be counted."""
        if links is None:
            return None, False
        try:
            return links.read(purpose, token, datetime.now(UTC)), True
        except ExpiredLinkError as expired:
            return expired.link, False
        except BadLinkError:
            return None, False

    @router.get("/o/{token}")
    async def opened(token: str) -> Response:
        link, counts = followed("opened", token)
        if link is None:
            return pages.unknown()
        if counts:
            await keep(link, "opened", link.channel)
        return Response(_PICTURE, media_type="image/gif")

    @router.api_route("/c/{token}", methods=["GET", "HEAD"])
    async def clicked(token: str, request: Request) -> Response:
        link, counts = followed("clicked", token)
        if link is None or link.url is None:
            return pages.unknown()
        if counts and request.method == "GET":
            await keep(link, "clicked", link.channel)
        # Whatever becomes of the count, who clicked gets there: nobody but us can have written the target.
        return RedirectResponse(link.url, 302)

    return router
