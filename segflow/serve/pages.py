"""The few pages that people see. No scripts, nothing from elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from fastapi.responses import HTMLResponse


@dataclass(frozen=True)
class Choice:
    """A line of the preference page. `key` is the name of its field."""

    key: str
    label: str
    description: str | None = None


_STYLE = (
    "body{font:1.1rem/1.5 system-ui,sans-serif;max-width:32rem;margin:3rem auto;padding:0 1rem;color:#222}"
    "button{font:inherit;padding:.6rem 1.2rem;border:0;border-radius:.4rem;background:#1d4ed8;color:#fff}"
    "select{font:inherit}p,div{margin:1rem 0}a{color:#1d4ed8}"
)


def page(title: str, inner: str, status: int = 200) -> HTMLResponse:
    """A page. `inner` is HTML."""
    text = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head>"
        f"<body><h1>{escape(title)}</h1>{inner}</body></html>"
    )
    return HTMLResponse(text, status)


def ask(words: str, here: str) -> HTMLResponse:
    """The page with the button. Looking at it changes nothing: scanners open every link of a mail."""
    return page(
        "Unsubscribe",
        f'<p>Do you want no more {escape(words)} from us?</p><form method="post" action="{escape(here)}">'
        '<input type="hidden" name="unsubscribe" value="yes"><button>Unsubscribe</button></form>'
        f'<p><a href="{escape(here)}/preferences">Choose what you get</a></p>',
    )


def done(words: str, here: str) -> HTMLResponse:
    """The page after the button."""
    return page(
        "You are unsubscribed",
        f"<p>You will get no more {escape(words)} from us. What concerns your orders and your account still comes.</p>"
        f'<p><a href="{escape(here)}/preferences">A mistake? Choose what you get</a></p>',
    )


def shown() -> HTMLResponse:
    """The answer to a link of a message that was a test."""
    return page("This was a test message", "<p>Its links change nothing.</p>")


def preferences(choices: Sequence[Choice], here: str) -> HTMLResponse:
    """What the contact may choose. What it has now is not shown: whoever has the link learns nothing."""
    options = "".join(
        f'<option value="{value}">{label}</option>'
        for value, label in (("keep", "leave as it is"), ("on", "send"), ("off", "do not send"))
    )
    lines = "".join(
        f'<div><label>{escape(one.label)} <select name="{escape(one.key)}">{options}</select></label>'
        f"{f'<br><small>{escape(one.description)}</small>' if one.description else ''}</div>"
        for one in choices
    )
    inner = f'<form method="post" action="{escape(here)}/preferences">{lines}<button>Save</button></form>'
    return page("What we send you", f"{inner}<p>What concerns your orders and your account always comes.</p>")


def saved(changed: bool) -> HTMLResponse:
    return page("Saved", f"<p>{'Your choice is noted.' if changed else 'Nothing was changed.'}</p>")


def gone() -> HTMLResponse:
    """The link is too old."""
    return page("This link is too old", "<p>Take the link of a newer message, or answer to one of ours.</p>", 410)


def unknown() -> HTMLResponse:
    return page("There is nothing here", "<p>The link is not whole. Copy all of it from the message.</p>", 404)
