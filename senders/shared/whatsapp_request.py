"""The request that sends a template of WhatsApp's through the Cloud API."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from segflow.errors import PermanentError
from segflow.messages import WhatsApp, WhatsAppButton, WhatsAppHeader

E164 = re.compile(r"\+[1-9][0-9]{6,14}")


def request_of(message: WhatsApp) -> dict[str, Any]:
    """The body of the request that sends a template. Raises PermanentError when it cannot be one."""
    if not E164.fullmatch(message.to):
        raise PermanentError("the number is not in the form +442079460018")
    template: dict[str, Any] = {"name": message.template, "language": {"code": message.language}}
    if components := [*_header(message.header), *_body(message.variables), *map(_button, message.buttons)]:
        template["components"] = components
    return {
        "messaging_product": "whatsapp",
        "recipient_type": "individual",
        "to": message.to,
        "type": "template",
        "template": template,
        "biz_opaque_callback_data": message.message_id,
    }


def _header(header: WhatsAppHeader | None) -> list[dict[str, Any]]:
    if header is None:
        return []
    for name, value in header.value.items():
        _filled(f"the header's {name}", value)
    if header.kind == "text":
        parameter: dict[str, Any] = _text(header.value.get("name"), header.value["text"])
    else:
        parameter = {"type": header.kind, header.kind: dict(header.value)}
    return [{"type": "header", "parameters": [parameter]}]


def _body(variables: tuple[str, ...] | Mapping[str, str]) -> list[dict[str, Any]]:
    named = isinstance(variables, Mapping)
    listed = variables.items() if isinstance(variables, Mapping) else enumerate(variables, 1)
    values = [(str(name), _filled(f"variable {name}", value)) for name, value in listed]
    parameters = [_text(name if named else None, value) for name, value in values]
    return [{"type": "body", "parameters": parameters}] if parameters else []


def _button(button: WhatsAppButton) -> dict[str, Any]:
    _filled(f"button {button.index}", button.value)
    kind = "text" if button.kind == "url" else "payload"
    parameter = {"type": kind, kind: button.value}
    return {"type": "button", "sub_type": button.kind, "index": str(button.index), "parameters": [parameter]}


def _text(name: str | None, value: str) -> dict[str, Any]:
    return {"type": "text", **({"parameter_name": name} if name is not None else {}), "text": value}


def _filled(name: str, value: str) -> str:
    if not value:
        raise PermanentError(f"{name} is empty")
    return value
