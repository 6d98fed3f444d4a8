"""The quick way to write an email gives the bytes that the standard library gives."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segflow.messages import Email
from segflow.senders.shared import mime

TEXTS = st.one_of(st.none(), st.text(st.sampled_from("aé= .\n\r\tF"), max_size=40), st.just("x" * 1000))


def email(**changes: Any) -> Email:
    told = {"message_id": "m1", "contact_id": "c1", "flow": "f", "step": "s", "to": "a@b.example", "subject": "Hi you"}
    return Email(**{**told, "planned_at": datetime(2026, 3, 1, tzinfo=UTC), "text": "Dear\nyou", **changes})


def both(message: Email, patch: pytest.MonkeyPatch) -> tuple[bytes, bytes]:
    quick = mime.to_mime(message, "Shop <shop@shop.example>").data
    with patch.context() as within:
        within.setattr(mime, "_plainly", lambda *_: None)
        return quick, mime.to_mime(message, "Shop <shop@shop.example>").data


CASES: dict[str, dict[str, Any]] = {
    "text": {},
    "html": {"text": None, "html": "<p>Hi</p>"},
    "both": {"html": "<p>Grüße</p>\n.\nFrom me"},
    "letters": {"subject": "Grüße", "text": "é" * 200},
    "long subject": {"subject": "word " * 300 + "end"},
    "two blanks": {"subject": "a  b"},
    "blank at the end": {"subject": "a "},
    "no subject": {"subject": ""},
    "headers": {"headers": {"List-Unsubscribe": "<https://shop.example/u?t=1>", "X-A": "a\tb"}},
    "long id": {"message_id": "m" * 90, "html": "<b>x</b>"},
    "carriage returns": {"text": "a\r\nb\rc\n\n"},
    "a name with letters": {"reply_to": "Zoë <zoe@shop.example>"},
}


@pytest.mark.parametrize("changes", CASES.values(), ids=CASES.keys())
def test_the_same_bytes(changes: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    quick, slow = both(email(**changes), monkeypatch)
    assert quick == slow


def test_what_is_plain_is_written_quickly() -> None:
    assert mime._plainly(email(html="<p>Grüße</p>"), {"Subject": "Hi you"}) is not None


@settings(max_examples=100, deadline=None, derandomize=True)
@given(TEXTS, TEXTS, st.text(st.sampled_from("a é=?\t:"), max_size=20))
def test_the_same_bytes_of_anything(text: str | None, html: str | None, subject: str) -> None:
    if text is not None or html is not None:
        with pytest.MonkeyPatch.context() as patch:
            quick, slow = both(email(text=text, html=html, subject=subject), patch)
        assert quick == slow
