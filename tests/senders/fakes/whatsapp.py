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
}
"""(name, language) -> the names of its variables, or how many it has by position."""
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
    for component in template.get("components", []):
        _only(component, {"type", "parameters"}, {"sub_type", "index"})
        if component["type"] != "body" or not component["parameters"]:
            raise error(400, 132012, "component")
        parameters += component["parameters"]
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
