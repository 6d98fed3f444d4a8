# ruff: noqa: E501 (tables: one case per line)
"""What becomes of a filled email: CSS in its elements, a text part, links with UTM parameters, attachments."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from segflow.messages import Attachment, Email
from segflow.outbox.attached import Attached
from segflow.outbox.html import inlined, text_of
from segflow.outbox.records import PlannedMessage
from segflow.outbox.render import Renderer, RenderError
from segflow.outbox.utm import tagged, tagged_html, tagged_text

from .conftest import AS_OF, planned

UTM = {"utm_source": "shop", "utm_medium": "email"}


def email(tmp_path: Path, content: dict[str, Any], renderer: Renderer | None = None) -> Email:
    row = PlannedMessage(**(planned(1, content=content) | {"enrolled_at": AS_OF, "planned_at": AS_OF}))
    contact = {"contact_id": "c1", "teas": ["Sencha", "Assam"]}
    message = (renderer or Renderer(tmp_path)).render(row, contact, "a@b.example.com", AS_OF, {})
    assert isinstance(message, Email)
    return message


LOOP = """<style>td { color: green } @media (max-width: 9px) { td { color: red } }</style>
<table>{% for tea in contact.teas %}<tr><td>{{ tea }}</td></tr>{% endfor %}
{% if contact.teas|length > 5 %}<tr><td>A crate</td></tr>{% endif %}</table>"""


def test_a_template_is_filled_before_its_css_is_inlined(tmp_path: Path) -> None:
    message = email(tmp_path, {"subject": "x", "html": LOOP})
    assert message.html is not None
    assert [part.partition("</td>")[0] for part in message.html.split('<td style="color: green;">')[1:]] == [
        "Sencha",
        "Assam",
    ]
    assert message.text == "Sencha\nAssam\n"
    assert "@media (max-width: 9px)" in message.html


def test_css_stays_where_it_is_when_the_settings_say_so(tmp_path: Path) -> None:
    html = "<style>p { color: red }</style><p>x</p>"
    assert email(tmp_path, {"subject": "x", "html": html}, Renderer(tmp_path, inline_css=False)).html == html


XHTML = '<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Transitional//EN" "http://www.w3.org/TR/xhtml1/DTD/x.dtd">'
KEPT = {
    "a comment for Outlook": "<!--[if mso]><table><tr><td><p>x</p><![endif]-->",
    "a comment for all but Outlook": "<!--[if !mso]><!--><b>x</b><!--<![endif]-->",
    "a condition that is no comment": "<![if !mso]><b>x</b><![endif]>",
    "a plain comment": "<!-- segflow-condition-0 -->",
    "a link to a sheet": '<link rel="stylesheet" href="sheet.css">',
    "a media query": "<style>@media (max-width: 600px) { p { color: blue !important } }</style>",
    "what is to be left out": '<p data-css-inline="ignore">y</p>',
    "entities": "caf\u00e9 &amp; &lt;b&gt;",
}


@pytest.mark.parametrize("kept", KEPT.values(), ids=KEPT)
@pytest.mark.parametrize(
    "frame", ["{}", "<!DOCTYPE html><html><head></head><body>{}</body></html>"], ids=["part", "whole"]
)
def test_inlining_leaves_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kept: str, frame: str) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sheet.css").write_text("p { color: pink }")
    done = inlined(frame.format(f"<style>p {{ color: green }}</style>{kept}<p>z</p>"))
    assert kept in done
    assert '<p style="color: green;">z</p>' in done


def test_inlining_keeps_the_doctype_and_html_without_rules() -> None:
    assert inlined(f"{XHTML}\n<html><head><style>p {{margin:0}}</style></head><body><p>x</p></body></html>").startswith(
        XHTML
    )
    plain = "<TABLE><tr><td>as <br/>written</TABLE>"
    assert inlined(plain) == plain


TEXTS = {
    "link": ('<p>See <a href="https://a.example/?x=1&amp;y=2">our teas</a>.</p>', "See our teas <https://a.example/?x=1&y=2>.\n"),
    "anchor": ('<a href="#top">up</a>', "up\n"),
    "list": ("<ul><li>one</li><li>two</li></ul>", "  * one\n  * two\n"),
    "hidden": ("<style>p {}</style><script>x</script><title>t</title><p>seen<!-- not --></p>", "seen\n"),
    "rules for Outlook": ("<!--[if mso]><p>no</p><![endif]--><div>yes</div>", "yes\n"),
    "gaps": ("<p>a</p><br><br><br><p>b&nbsp;</p>", "a\n\nb\n"),
    "not shown": ('<p style="display:none">a</p>b<p style="DISPLAY : None">c</p>', "b\n"),
    "not shown, important": ('<div style="color:red;display: none !important;">a <b>c</b></div>b', "b\n"),
    "important before the last": ('<p style="display:none!important;display:block">a</p>b', "b\n"),
    "shown in the end": ('<p style="display:none;display:block">a</p>b', "a\n\nb\n"),
    "shown, important": ('<p style="display:block ! important;display:none">a</p>b', "a\n\nb\n"),
    "invisible": ('<p style="visibility:hidden">a</p>b<p style="visibility:visible">c</p>', "b\n\nc\n"),
    "hidden by attribute": ('<p hidden>a</p>b<p hidden="" style="display:block">c</p>', "b\n\nc\n"),
    "text behind what is not shown": ('<p>a<span style="display:none">b</span> c</p>', "a c\n"),
    "inside of what is not shown": ('<div style="display:none"><p style="display:block">a</p></div>b', "b\n"),
    "nothing shown": ('<p style="display:none">a</p>', "\n"),
    "all of it not shown": ('<body style="display:none">a</body>', "\n"),
    "a property that ends so": ('<p style="mso-display:none;x-visibility:hidden">a</p>', "a\n"),
    "XHTML": ('<?xml version="1.0" encoding="utf-8"?><p style="display:none !important">a</p>b', "b\n"),
    "comments alone": ("<!-- display: none -->", "\n"),
    "words about it": ("<p>display: none</p>", "display: none\n"),
    "nothing": ("", "\n"),
}  # fmt: skip


@pytest.mark.parametrize(("html", "text"), TEXTS.values(), ids=TEXTS)
def test_a_text_is_made(html: str, text: str) -> None:
    assert text_of(html) == text


SCREENS = """<style>.small { display: none !important } @media (max-width: 600px) {
.small { display: block !important } .large { display: none !important } }</style>
<div class="small">Tea for {{ contact.contact_id }}, on a phone</div><div class="large">Tea for {{ contact.contact_id }}</div>"""


@pytest.mark.parametrize("inline_css", [True, False], ids=["inlined", "as it is"])
def test_a_text_has_what_is_shown_on_a_large_screen(tmp_path: Path, inline_css: bool) -> None:
    message = email(tmp_path, {"subject": "x", "html": SCREENS}, Renderer(tmp_path, inline_css=inline_css))
    assert message.text == "Tea for c1\n"
    assert message.html is not None
    assert "on a phone" in message.html


def test_a_text_that_is_there_is_kept(tmp_path: Path) -> None:
    assert email(tmp_path, {"subject": "x", "html": "<p>x</p>", "text": "mine"}).text == "mine"
    assert email(tmp_path, {"subject": "x", "text": "mine"}).html is None


LINKS = {
    "plain": ("https://a.example/tea", "https://a.example/tea?utm_source=shop&utm_medium=email"),
    "query and fragment": ("https://a.example/?q=1#top", "https://a.example/?q=1&utm_source=shop&utm_medium=email#top"),
    "one is there": ("https://a.example/?UTM_Source=x", "https://a.example/?UTM_Source=x&utm_medium=email"),
    "all are there": ("https://a.example/?utm_medium=&utm_source=x", "https://a.example/?utm_medium=&utm_source=x"),
    "unsubscribe": ("https://a.example/Unsubscribe?u=1", "https://a.example/Unsubscribe?u=1"),
    "opt out": ("https://a.example/opt-out", "https://a.example/opt-out"),
    "mailto": ("mailto:a@b.example", "mailto:a@b.example"),
    "telephone": ("tel:+4412345", "tel:+4412345"),
    "anchor": ("#top", "#top"),
    "relative": ("/tea", "/tea"),
    "broken": ("https://[x", "https://[x"),
}  # fmt: skip


@pytest.mark.parametrize(("link", "expected"), LINKS.values(), ids=LINKS)
def test_links(link: str, expected: str) -> None:
    assert tagged(link, UTM) == expected
    assert tagged(expected, UTM) == expected


def test_links_in_html_and_text() -> None:
    html = """<!-- <a x --><a class='b' HREF='https://a.example/?a=1&amp;b=2' id=x>one</a>
<a href="https://a.example/" data-utm="off">two</a><img src="https://a.example/i.png">
<!--[if mso]><v:roundrect href="https://a.example/"/><![endif]--><link href="https://a.example/s.css">"""
    one = {"utm_source": "a b&c"}
    assert tagged_html(html, one) == html.replace(
        "HREF='https://a.example/?a=1&amp;b=2'", 'HREF="https://a.example/?a=1&amp;b=2&amp;utm_source=a%20b%26c"'
    ).replace('roundrect href="https://a.example/"', 'roundrect href="https://a.example/?utm_source=a%20b%26c"')
    text = "See https://a.example/x, (https://a.example/y_(z)) or <https://a.example/?q>. unsubscribe: https://a.example/optout"
    assert tagged_text(text, {"utm_source": "s"}) == (
        "See https://a.example/x?utm_source=s, (https://a.example/y_(z)?utm_source=s) or <https://a.example/?q&utm_source=s>. "
        "unsubscribe: https://a.example/optout"
    )


def test_hostile_html_costs_little() -> None:
    assert tagged_html('<a "' * 5_000, UTM).count("<a") == 5_000


FILES = {
    "there is none": (["zzz"], "there is no file files/zzz"),
    "misspelt": (["teh.txt"], "there is no file files/teh.txt (did you mean the.txt?)"),
    "out of the folder": (["../secret.txt"], "../secret.txt is not in files: attachments come from there alone"),
    "absolute": (["/etc/passwd"], "'/etc/passwd' is no name of a file in files"),
    "through a link": (["link.txt"], "link.txt is not in files: attachments come from there alone"),
    "a folder": (["inner"], "there is no file files/inner (did you mean inner/b.pdf?)"),
    "too large": (["the.txt", "inner/b.pdf"], "the attachments have 1,005 bytes together; delivery.attachments_at_most is 1KB"),
}  # fmt: skip


def files(tmp_path: Path, limit: str = "1KB") -> Attached:
    folder = tmp_path / "files"
    (folder / "inner").mkdir(parents=True)
    (folder / "the.txt").write_text("hello")
    (folder / "inner" / "b.pdf").write_bytes(b"x" * 1_000)
    (tmp_path / "secret.txt").write_text("secret")
    (folder / "link.txt").symlink_to(tmp_path / "secret.txt")
    return Attached(folder, "files", limit)


@pytest.mark.parametrize(("names", "expected"), FILES.values(), ids=FILES)
def test_attachments_that_are_refused(tmp_path: Path, names: list[str], expected: str) -> None:
    renderer = Renderer(tmp_path, attached=files(tmp_path))
    with pytest.raises(RenderError) as refused:
        email(tmp_path, {"subject": "x", "text": "x", "attachments": names}, renderer)
    assert str(refused.value) == f"flow welcome, step hello, attachments: {expected}"


def test_attachments(tmp_path: Path) -> None:
    renderer = Renderer(tmp_path, attached=files(tmp_path, "1MB"))
    message = email(tmp_path, {"subject": "x", "text": "x", "attachments": ["inner/b.pdf", "the.txt"]}, renderer)
    assert message.attachments == (
        Attachment("b.pdf", "application/pdf", b"x" * 1_000),
        Attachment("the.txt", "text/plain", b"hello"),
    )
    assert "xxx" not in repr(message)


def test_a_subject_is_one_line(tmp_path: Path) -> None:
    assert email(tmp_path, {"subject": "a\r\nBcc: x\0\x1b[31m\u2028b\x7f", "text": "x"}).subject == "a Bcc: x [31m b"
