"""Signed, expiring links in messages: unsubscribe, preferences, opens and clicks.

A link says which message of which contact it is of, and until when it is good. It names no address. Nobody can make or
change one without `delivery.link_secret`. The same message gets the same link each time it is written.
"""

from __future__ import annotations

import functools
import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from itsdangerous import BadData, URLSafeSerializer

from segflow.durations import Duration
from segflow.messages import Email
from segflow.outbox.utm import UNSUBSCRIBES, each_link
from segflow.specs.settings import DeliverySettings, TrackingSettings
from segflow.zones import UTC_ZONE

Purpose = Literal["unsubscribe", "opened", "clicked"]
PATHS: dict[Purpose, str] = {"unsubscribe": "/unsubscribe/", "opened": "/o/", "clicked": "/c/"}
"""Where `segflow serve` answers, below `delivery.public_url`."""
LONGEST = 8_000
"""Characters of a link's signed part: what is longer was never made here."""


SHOWN = "shown"
"""The id of a message that is rendered for people, or sent to them as a test: its links change and count nothing."""


class BadLinkError(Exception):
    """Not a link of ours, or one that was changed."""


class ExpiredLinkError(Exception):
    """A link of ours whose time is over."""

    def __init__(self, link: Link) -> None:
        super().__init__()
        self.link = link


@dataclass(frozen=True, kw_only=True)
class Link:
    """What a link says. `url`: where a click goes."""

    message_id: str
    contact_id: str
    channel: str
    flow: str
    expires_at: datetime
    url: str | None = None


_LEFT_ALONE = re.compile(r"""\sdata-track\s*=\s*["']?off""", re.IGNORECASE)
_BODY_END = re.compile(r"</body\s*>", re.IGNORECASE)


def _partitioned(html: str) -> tuple[str, str, str]:
    """What is before the end of the body, that, and what follows."""
    ends = list(_BODY_END.finditer(html))
    if not ends:
        return html, "", ""
    return html[: ends[-1].start()], ends[-1][0], html[ends[-1].end() :]


class Links:
    """Makes links, and reads them."""

    def __init__(
        self, public_url: str, secrets: Sequence[str], expiry: Duration, tracking: TrackingSettings | None = None
    ) -> None:
        """`secrets`: the first signs, all are believed."""
        self._tracking = tracking or TrackingSettings()
        self._base, self._expiry = public_url.rstrip("/"), expiry
        self._serializers = {
            purpose: URLSafeSerializer(
                # The library takes the oldest first.
                list(reversed(secrets)),
                salt=f"segflow.{purpose}",
                signer_kwargs={"key_derivation": "hmac", "digest_method": hashlib.sha256},
            )
            for purpose in PATHS
        }

    @classmethod
    def of(cls, settings: DeliverySettings) -> Links | None:
        """The links of a project; None when it has no `public_url` or no `link_secret`."""
        if settings.public_url is None or settings.link_secret is None:
            return None
        secrets = [settings.link_secret, *settings.earlier_link_secrets]
        return cls(settings.public_url, secrets, settings.link_expiry, settings.tracking)

    def make(
        self,
        purpose: Purpose,
        *,
        message_id: str,
        contact_id: str,
        channel: str,
        flow: str,
        planned_at: datetime,
        url: str | None = None,
    ) -> str:
        """The URL of a link, good for `delivery.link_expiry` from `planned_at` on."""
        ends = int(self._expiry.after(planned_at, UTC_ZONE).timestamp())
        said: list[Any] = [message_id, contact_id, channel, flow, ends, *([] if url is None else [url])]
        return f"{self._base}{PATHS[purpose]}{self._text(purpose, said)}"

    def _text(self, purpose: Purpose, said: list[Any]) -> str:
        text = self._serializers[purpose].dumps(said)
        return text if isinstance(text, str) else text.decode()

    def read(self, purpose: Purpose, text: str, now: datetime) -> Link:
        """What a link's last part says. Raises BadLinkError and ExpiredLinkError."""
        if len(text) > LONGEST:
            raise BadLinkError
        try:
            message_id, contact_id, channel, flow, ends, *url = self._serializers[purpose].loads(text)
            expires_at = datetime.fromtimestamp(ends, UTC_ZONE)
        except (BadData, ValueError, TypeError) as error:
            raise BadLinkError from error
        link = Link(
            message_id=message_id,
            contact_id=contact_id,
            channel=channel,
            flow=flow,
            expires_at=expires_at,
            url=url[0] if url else None,
        )
        if now >= expires_at:
            raise ExpiredLinkError(link)
        return link

    def beyond(self, url: str) -> str:
        """What a link that counts clicks leads to; of other links of ours the path alone; any other as it is."""
        path = next((path for path in PATHS.values() if url.startswith(f"{self._base}{path}")), None)
        if path is None:
            return url
        try:
            link = self.read("clicked", url.removeprefix(f"{self._base}{path}"), datetime.now(UTC_ZONE))
        except ExpiredLinkError as expired:
            link = expired.link
        except BadLinkError:
            return f"{self._base}{path}"
        return link.url or f"{self._base}{path}"

    def tracked(self, email: Email) -> str | None:
        """The HTML of an email with links that count what `delivery.tracking` says."""
        html = email.html
        if html is None or not (self._tracking.opens or self._tracking.clicks):
            return html
        make = functools.partial(
            self.make,
            message_id=email.message_id,
            contact_id=email.contact_id,
            channel=email.channel,
            flow=email.flow,
            planned_at=email.planned_at,
        )

        def counted(url: str) -> str:
            # An unsubscribe is no click, and must work whatever comes of the counting.
            if not url.lower().startswith(("http://", "https://")) or UNSUBSCRIBES.search(url):
                return url
            return url if url.startswith(f"{self._base}/") else make("clicked", url=url)

        if self._tracking.clicks:
            html = each_link(html, counted, _LEFT_ALONE)
        if self._tracking.opens:
            picture = f'<img src="{make("opened")}" width="1" height="1" alt="" style="display:block">'
            head, end, rest = _partitioned(html)
            html = f"{head}{picture}{end}{rest}"
        return html


def clicked_url(links: Links | None, url: str | None) -> str | None:
    """Where a link leads that a provider says was clicked. It may be one of our own, which the provider wrapped: then
    what ours leads to. Of others of our own what is signed is left out: whoever has it may unsubscribe."""
    if url is None or len(url) > LONGEST:
        return None
    return url if links is None else links.beyond(url)


def unsubscribe_headers(url: str) -> dict[str, str]:
    """What an email says so that mail programs show a button (RFC 8058). A valid DKIM signature must cover both."""
    return {"List-Unsubscribe": f"<{url}>", "List-Unsubscribe-Post": "List-Unsubscribe=One-Click"}
