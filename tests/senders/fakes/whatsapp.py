"""Meta's Cloud API as it is documented for templates; and how it signs callbacks."""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import itertools
import json
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.senders.servers import Call

from .phone import Fake, Refused, serving

NUMBER = "106540352242922"
TOKEN = "EAAG-the-access-token"
SECRET = "the-app-secret"
VERSION = "v23.0"
TEMPLATES: dict[tuple[str, str], tuple[str, ...] | int] = {
    ("tea_offer", "en_US"): ("city", "tea"),
    ("order_shipped", "en"): 2,
    ("hello_world", "en_US"): 0,
    ("invoice", "en"): 1,
    ("picture", "en"): 0,
    ("sale", "en"): ("tea",),
}
"""(name, language) -> the names of its body's variables, or how many it has by position."""
HEADERS: dict[str, tuple[str, str | None]] = {
    "invoice": ("document", None),
    "picture": ("image", None),
    "sale": ("text", "day"),
}
"""Template -> what its header takes, and the name of its variable. A header with one must be filled."""
BUTTONS: dict[str, dict[str, str]] = {"invoice": {"0": "url", "2": "quick_reply"}}
"""Template -> index and kind of the buttons that take something; payloads may be left out, addresses not."""
STOPPED = "+442079460031"
NO_WHATSAPP = "+442079460032"


def error(status: int, code: int, details: str = "no") -> Refused:
    told = {
        "message": f"(#{code}) {details}",
        "type": "OAuthException",
        "code": code,
        "error_data": {"messaging_product": "whatsapp", "details": details},
        "fbtrace_id": "Az8or2yhqkZfEZ",
    }
    return Refused(status, {"error": told})


def _judge(numbers: Iterator[int], asked: list[str], call: Call) -> tuple[int, dict[str, Any]]:
    if call.headers.get("authorization") != f"Bearer {TOKEN}":
        raise error(401, 190, "Authentication Error")
    url = urlsplit(call.path)
    if call.method == "GET" and url.path == f"/{VERSION}/{NUMBER}":
        if set(parse_qs(url.query)) != {"fields"} or call.body:
            raise error(400, 100)
        return 200, {"id": NUMBER, "verified_name": "Kettle & Crane"}
    if call.method != "POST" or url.path != f"/{VERSION}/{NUMBER}/messages" or url.query:
        raise error(404, 33)
    if call.headers.get("content-type") != "application/json":
        raise error(400, 100, "not JSON")
    body = json.loads(call.body)
    _only(body, {"messaging_product", "recipient_type", "to", "type", "template"}, {"biz_opaque_callback_data"})
    if (body["messaging_product"], body["recipient_type"], body["type"]) != ("whatsapp", "individual", "template"):
        raise error(400, 100)
    if not re.fullmatch(r"\+?[0-9]{7,15}", body["to"]):
        raise error(400, 100, "to")
    if not isinstance(body.get("biz_opaque_callback_data", ""), str):
        raise error(400, 100)
    _check_template(body["template"])
    if body["to"] == STOPPED:
        raise error(400, 131050, "User has stopped marketing")
    if body["to"] == NO_WHATSAPP:
        raise error(400, 131026, "Message undeliverable")
    if body["to"] in asked:  # no six seconds pass in these tests
        raise error(429, 131056, "pair rate limit hit")
    asked.append(body["to"])
    return 200, {
        "messaging_product": "whatsapp",
        "contacts": [{"input": body["to"], "wa_id": body["to"].lstrip("+")}],
        "messages": [{"id": f"wamid.{next(numbers)}", "message_status": "accepted"}],
    }


def _check_template(template: dict[str, Any]) -> None:
    _only(template, {"name", "language"}, {"components"})
    _only(template["language"], {"code"}, {"policy"})
    wanted = TEMPLATES.get((template["name"], template["language"]["code"]))
    if wanted is None:
        raise error(404, 132001, "template name does not exist in the translation")
    parameters: list[dict[str, Any]] = []
    headers: list[dict[str, Any]] = []
    buttons: dict[str, str] = {}
    if template.get("components") == []:
        raise error(400, 100, "components")
    for component in template.get("components", []):
        button = isinstance(component, dict) and component.get("type") == "button"
        _only(component, {"type", "parameters"} | ({"sub_type", "index"} if button else set()), set())
        if component["type"] not in ("header", "body", "button") or not component["parameters"]:
            raise error(400, 132012, "component")
        if button:
            _check_button(component)
            if component["index"] in buttons:
                raise error(400, 132012, "a button twice")
            buttons[component["index"]] = component["sub_type"]
        else:
            (headers if component["type"] == "header" else parameters).extend(component["parameters"])
    _check_header(HEADERS.get(template["name"]), headers)
    known = BUTTONS.get(template["name"], {})
    if not set(buttons.items()) <= set(known.items()) or {at for at, kind in known.items() if kind == "url"} - set(
        buttons
    ):
        raise error(400, 132012, "buttons")
    for parameter in parameters:
        _only(parameter, {"type", "text"}, {"parameter_name"})
        if parameter["type"] != "text" or not isinstance(parameter["text"], str) or not parameter["text"]:
            raise error(400, 131008, "text")
    names = [parameter.get("parameter_name") for parameter in parameters]
    if len(names) != (wanted if isinstance(wanted, int) else len(wanted)):
        raise error(400, 132000, "number of parameters does not match")
    if isinstance(wanted, int) and any(name is not None for name in names):
        raise error(400, 132012, "named and positional parameters")
    if not isinstance(wanted, int) and set(names) != set(wanted):
        raise error(400, 132012, "parameter names")


def _check_header(wanted: tuple[str, str | None] | None, given: list[dict[str, Any]]) -> None:
    if [one.get("type") for one in given] != ([wanted[0]] if wanted else []):
        raise error(400, 132012, "header")
    for one in given:
        kind = one["type"]
        if kind == "text":
            _only(one, {"type", "text"}, {"parameter_name"})
            if not isinstance(one["text"], str) or not one["text"]:
                raise error(400, 131008, "text")
            if one.get("parameter_name") != (wanted[1] if wanted else None):
                raise error(400, 132012, "parameter name of the header")
            continue
        _only(one, {"type", kind}, set())
        _only(one[kind], set(), {"link", "id"} | ({"filename"} if kind == "document" else set()))
        if len({"link", "id"} & set(one[kind])) != 1 or not all(isinstance(v, str) and v for v in one[kind].values()):
            raise error(400, 131008, "link or id")
        if not re.match("https?://", one[kind].get("link", "https://")):
            raise error(400, 131053, "link")


def _check_button(component: dict[str, Any]) -> None:
    key = {"url": "text", "quick_reply": "payload"}.get(component["sub_type"])
    if key is None or not isinstance(component["index"], str) or len(component["parameters"]) != 1:
        raise error(400, 132012, "button")
    [parameter] = component["parameters"]
    _only(parameter, {"type", key}, set())
    if parameter["type"] != key or not isinstance(parameter[key], str) or not parameter[key]:
        raise error(400, 131008, key)


def _only(given: Any, needed: set[str], allowed: set[str]) -> None:
    if not isinstance(given, dict) or not needed <= set(given) <= needed | allowed:
        raise error(400, 100, f"fields {given!r}")


@contextlib.contextmanager
def whatsapp() -> Iterator[Fake]:
    numbers, asked = itertools.count(1), list[str]()
    with serving(Fake(lambda call: _judge(numbers, asked, call))) as fake:
        yield fake


def sign(body: bytes, secret: str = SECRET) -> str:
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def as_meta_writes(value: Any) -> bytes:
    """Bytes of a callback: letters out of ASCII escaped in lower-case hex, a line break at the end."""
    return json.dumps(value, ensure_ascii=True).encode() + b"\r\n"
