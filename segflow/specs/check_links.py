"""What `delivery` says of the links in messages."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

from segflow.specs.loaded import Reporter
from segflow.specs.settings import DeliverySettings
from segflow.zones import UTC_ZONE

LEAST = timedelta(days=59)
"""Somebody must be able to unsubscribe for two months; months of the calendar may be 59 days."""
_LOCAL = ("localhost", "127.0.0.1", "::1")


def check_links(say: Reporter, settings: DeliverySettings) -> None:
    """`public_url` and `link_secret` come together, and tracking needs them."""
    if settings.public_url is not None and (problem := _url_problem(settings.public_url)):
        say(("delivery", "public_url"), f"'{settings.public_url}' {problem}: write one like https://links.example.com")
    if settings.public_url is None and settings.link_secret is not None:
        say(("delivery", "link_secret"), "links need an address, too: give delivery.public_url")
    if settings.link_secret is None:
        for name in ("opens", "clicks"):
            if getattr(settings.tracking, name):
                lacking = "tracking needs signed links: give delivery.public_url and delivery.link_secret"
                say(("delivery", "tracking", name), lacking)
        if settings.earlier_link_secrets:
            say(("delivery", "earlier_link_secrets"), "there is no delivery.link_secret that came after them")
    began = datetime(2026, 1, 1, tzinfo=UTC)
    if settings.link_expiry.after(began, UTC_ZONE) - began < LEAST:
        lacking = f"'{settings.link_expiry}' is too short: links must work for 60 days at least"
        say(("delivery", "link_expiry"), lacking)


def _url_problem(url: str) -> str | None:
    try:
        parts = urlsplit(url)
        host = parts.hostname
        _ = parts.port
    except ValueError:
        return "is no URL"
    if parts.scheme not in ("https", "http") or not host or not url.isascii() or any(c in url for c in ' <>,"\r\n'):
        return "is no URL"
    if parts.scheme == "http" and host not in _LOCAL:
        return "is not https"
    if parts.query or parts.fragment or parts.username is not None:
        return "has more than a host and a path"
    return None
