"""UTM parameters on the links of an email, so that web statistics know where a visit came from."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote, urlsplit

from segflow.specs.project import Specs

UtmOf = Callable[[str, str, Any], Mapping[str, str]]
"""(flow, step, what the step's content says: a mapping, False or None) -> the parameters, by their full names."""

# Bounded, so that an open quote costs no more than a long address.
_TAG = re.compile(r"""<(?:a|area|v:\w+)(?=[\s/])(?:[^<>"']|"[^"]{0,4000}"|'[^']{0,4000}')*>""", re.IGNORECASE)
_HREF = re.compile(r"""(?<=[\s"'])(href\s*=\s*)(?:"([^"]*)"|'([^']*)'|([^\s"'>]+))""", re.IGNORECASE)
_LEFT_ALONE = re.compile(r"""\sdata-utm\s*=\s*["']?off""", re.IGNORECASE)
_IN_TEXT = re.compile(r"""https?://[^\s<>"'\]\[{}|\\^`]+""", re.IGNORECASE)
_CLOSING = ".,;:!?*_)"
UNSUBSCRIBES = re.compile(r"unsubscri|opt[-_]?out", re.IGNORECASE)
"""Such links must work whatever comes of them, and are no visit."""


def no_utm(flow: str, step: str, said: Any) -> Mapping[str, str]:
    """Of who knows no project."""
    return {}


def utm_of(specs: Specs) -> UtmOf:
    """What the flows of a project and their steps say, with a value for what neither says."""
    flows = {flow.id: flow.spec.utm for flow in specs.flows.values()}

    def of(flow: str, step: str, said: Any) -> Mapping[str, str]:
        general = flows.get(flow)
        if said is False or (said is None and general is None):
            return {}
        own = {"source": specs.settings.name, "medium": "email", "campaign": flow, "content": step}
        whole = own | (general.model_dump(exclude_none=True) if general is not None else {}) | (said or {})
        return {f"utm_{name}": value for name, value in whole.items()}

    return of


def tagged_html(text: str, utm: Mapping[str, str]) -> str:
    """The HTML with the parameters at the links of `a`, `area` and VML; `data-utm="off"` at an element leaves it out.
    All else stays to the character."""

    return each_link(text, lambda link: tagged(link, utm), _LEFT_ALONE)


def each_link(text: str, change: Callable[[str], str], left_alone: re.Pattern[str]) -> str:
    """The HTML with another address where `change` says so, but for elements with `left_alone` in their tag."""

    def in_tag(found: re.Match[str]) -> str:
        tag = found.group()
        return tag if left_alone.search(tag) else _HREF.sub(in_href, tag, count=1)

    def in_href(found: re.Match[str]) -> str:
        written = next((part for part in found.groups()[1:] if part is not None), "")
        link = html.unescape(written).strip()
        new = change(link)
        return found.group() if new == link else f'{found.group(1)}"{html.escape(new)}"'

    return _TAG.sub(in_tag, text)


def tagged_text(text: str, utm: Mapping[str, str]) -> str:
    """The text with the parameters at every address in it."""

    def one(found: re.Match[str]) -> str:
        whole = found.group()
        link = whole.rstrip(_CLOSING)
        if whole[len(link) :].startswith(")") and link.count("(") > link.count(")"):
            link += ")"
        return tagged(link, utm) + whole[len(link) :]

    return _IN_TEXT.sub(one, text)


def tagged(link: str, utm: Mapping[str, str]) -> str:
    """The link with the parameters that it does not have. As it is: what is not http or https, and links to
    unsubscribe."""
    try:
        parts = urlsplit(link)
    except ValueError:
        return link
    if parts.scheme.lower() not in ("http", "https") or not parts.netloc or UNSUBSCRIBES.search(link):
        return link
    there = {one.partition("=")[0].lower() for one in re.split("[&;]", parts.query)}
    added = "&".join(f"{name}={quote(value, safe='')}" for name, value in utm.items() if name not in there)
    if not added:
        return link
    address, hash_, fragment = link.partition("#")
    joint = "" if address.endswith(("?", "&")) else "&" if "?" in address else "?"
    return f"{address}{joint}{added}{hash_}{fragment}"
