"""What is done to a filled HTML body: its CSS goes into the elements, and a text part is made of it.

Both come after filling. The inliner reads a template as a browser would, and moves statements out of tables
(findings/css-inline-moves-a-condition-out-of-its-table.sh).
"""

from __future__ import annotations

import re
from functools import cache, lru_cache
from typing import Any

_STYLE = re.compile(r"<style[\s>]", re.IGNORECASE)
_WHOLE = re.compile(r"<(?:!doctype|html|head|body)[\s>]", re.IGNORECASE)
_DOCTYPE = re.compile(r"\A\s*<!doctype[^>]*>", re.IGNORECASE)
_OPEN_CONDITION = re.compile(r"<!\[(?:if\s[^\]>]*|endif)\]>", re.IGNORECASE)
"""`<![if !mso]>`, which is no comment: a browser makes one of it, and Outlook would not know it again."""
_KEPT = re.compile(r"<!--segflow-condition-(\d+)-->")
_DECLARATION = re.compile(r"\A\s*<\?xml[^>]*>", re.IGNORECASE)
"""Of XHTML: a parser of texts refuses one that names an encoding."""
_MAY_HIDE = re.compile(r"(?:display|visibility)\s*:|\shidden[\s=>/]", re.IGNORECASE)
_SHOWN = re.compile(
    r"(?:^|;)\s*(?P<name>display|visibility)\s*:\s*(?P<value>[a-z-]+)\s*(?P<important>!\s*important)?\s*(?=;|$)",
    re.IGNORECASE,
)
_BLANKS = re.compile(r"[ \t\xa0]+$", re.MULTILINE)
_GAPS = re.compile(r"\n{3,}")


def inlined(html: str) -> str:
    """The HTML with the rules of its `<style>` elements in `style` attributes, too; as it is when it has none.

    The elements stay, for media queries and `:hover`; comments, conditional ones among them, and the doctype stay as
    they are. Nothing is loaded from anywhere. `data-css-inline="ignore"` leaves an element out. Raises ValueError.
    """
    return _inlined(html) if _STYLE.search(html) else html


# Most texts are filled with names; those that are not are the same for all, and are worked on once.
@lru_cache(maxsize=32)
def _inlined(html: str) -> str:
    conditions: list[str] = []

    def set_aside(found: re.Match[str]) -> str:
        conditions.append(found.group())
        return f"<!--segflow-condition-{len(conditions) - 1}-->"

    given = _OPEN_CONDITION.sub(set_aside, html)
    try:
        done: str = _inliner().inline(given) if _WHOLE.search(given) else _inliner().inline_fragment(given, "")
    except Exception as error:
        raise ValueError(f"the CSS cannot be put into the HTML: {error}") from error
    if (doctype := _DOCTYPE.match(html)) is not None:
        done = _DOCTYPE.sub(lambda _: doctype.group(), done, count=1)
    return _KEPT.sub(lambda found: _nth(conditions, found), done)


def _nth(conditions: list[str], found: re.Match[str]) -> str:
    number = int(found.group(1))
    return conditions[number] if number < len(conditions) else found.group()


@lru_cache(maxsize=32)
def text_of(html: str) -> str:
    """The HTML as a reader without HTML sees it: links as `words <address>`, lists and tables in lines, no pictures.

    What `style` or `hidden` attributes keep from being seen is left out; rules of `<style>` must have been `inlined`.
    """
    from inscriptis import get_text

    text = get_text(_without_hidden(html) if _MAY_HIDE.search(html) else html, _reading())
    return _GAPS.sub("\n\n", _BLANKS.sub("", text)).strip("\n") + "\n"


def _without_hidden(html: str) -> str:
    """The HTML without the elements that are not shown. The library that makes texts takes the first `display` that
    says none for the one that counts, and none with an `!important` for no such thing
    (findings/inscriptis-shows-what-important-hides.sh): of two halves, for small screens and for large ones, both would
    be in the text."""
    from lxml.etree import ParserError
    from lxml.html import document_fromstring, tostring

    try:
        tree = document_fromstring(_DECLARATION.sub("", html))
    except ParserError:  # nothing but comments
        return html
    for element in list(tree.iter("*")):
        shown = _counting(element.get("style", ""))
        display = shown.get("display", "none" if element.get("hidden") is not None else "")
        if display == "none" or shown.get("visibility") in ("hidden", "collapse"):
            if element.getparent() is not None:
                element.drop_tree()
        elif display:
            element.set("style", f"{_SHOWN.sub('', element.get('style', ''))};display:{display}")
    done: str = tostring(tree, encoding="unicode")
    return done


def _counting(style: str) -> dict[str, str]:
    """Property -> the value that counts, of those that hide: the last one, or the last that is important."""
    found = list(_SHOWN.finditer(style))
    ranked = sorted(found, key=lambda one: one["important"] is not None)
    return {one["name"].lower(): one["value"].lower() for one in ranked}


@cache
def _inliner() -> Any:
    from css_inline import CSSInliner

    # The defaults remove the styles, and fetch what links name.
    return CSSInliner(keep_style_tags=True, keep_link_tags=True, load_remote_stylesheets=False)


@cache
def _reading() -> Any:
    from inscriptis.css_profiles import CSS_PROFILES
    from inscriptis.model.config import ParserConfig
    from inscriptis.model.tag import CustomHtmlTagHandlerMapping

    links = CustomHtmlTagHandlerMapping(start_tag_mapping={"a": _link_begins}, end_tag_mapping={"a": _link_ends})
    return ParserConfig(css=CSS_PROFILES["strict"], display_links=True, custom_html_tag_handler_mapping=links)


def _link_begins(state: Any, attributes: dict[str, str]) -> None:
    target = attributes.get("href", "").strip()
    state.link_target = "" if target.startswith("#") else target


def _link_ends(state: Any) -> None:
    if state.link_target:
        state.tags[-1].write(f" <{state.link_target}>")
