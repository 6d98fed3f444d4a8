"""`segflow render` and `segflow send-test`: one message, to look at or to send to yourself."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Annotated, Any

import typer

from segflow.cli.shared import instant_of, options_of, project_of
from segflow.errors import InputError

Flow = Annotated[str, typer.Argument(help="The flow.")]
Step = Annotated[str, typer.Argument(help="One of its steps that sends.")]
Contact = Annotated[str, typer.Option("--contact", help="Whose values fill the templates.")]


def render(
    context: typer.Context,
    flow: Flow,
    step: Step,
    contact: Contact,
    as_of: Annotated[str | None, typer.Option("--as-of", help="A moment in ISO form; default: now.")] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Where the HTML of an email goes.", dir_okay=False)
    ] = None,
) -> None:
    """Show the message of a step for one contact, and what every check before sending says of it. Sends nothing."""
    from segflow.cli import show
    from segflow.outbox.one_message import plain

    found = project_of(context).render(flow, step, contact, instant_of(as_of))
    html = next((html for one in found.messages if (html := getattr(one, "html", None)) is not None), None)
    if output is not None:
        _write(output, html, flow, step)
    if options_of(context).json:
        told = {"flow": flow, "step": step, "contact_id": contact, "sender": found.row.sender}
        checks = [dataclasses.asdict(one) for one in found.checks]
        messages = [plain(one, found.cost) for one in found.messages]
        show.as_json({**told, "outcome": found.outcome, "reason": found.reason, "checks": checks, "messages": messages})
        return
    for one in found.messages:
        _print(plain(one, found.cost))
    rows = [{"by": one.channel, "check": one.check, "says": one.refuses or "fine"} for one in found.checks]
    show.table(rows, ["by", "check", "says"])
    verdict = f"{found.outcome}: {found.reason}" if found.reason else found.outcome
    show.out.print(f"\nIt would be {verdict}" if found.reason else f"\nIt is {verdict} to go.", markup=False)
    if output is not None:
        show.out.print(f"The HTML is in {output}", markup=False)


def _write(output: Path, html: str | None, flow: str, step: str) -> None:
    if html is None:
        raise InputError(f"the message of flow {flow}, step {step} has no HTML to write to {output}")
    try:
        output.write_text(html, encoding="utf-8")
    except OSError as error:
        raise InputError(f"{output} cannot be written: {error.strerror}") from error


_LONG = ("text", "body", "variables")
_LEFT_OUT = ("message_id", "contact_id", "flow", "step", "planned_at", "html", *_LONG)


def _print(message: dict[str, Any]) -> None:
    from segflow.cli import show

    for name, value in message.items():
        if name not in _LEFT_OUT and value not in (None, {}, [], ()):
            show.out.print(f"{name.replace('_', ' ')}: {_said(value)}", markup=False, soft_wrap=True)
    for name in _LONG:
        if message.get(name):
            show.out.verbatim(f"\n{str(message[name]).rstrip()}")
    show.out.print()


def _said(value: Any) -> str:
    if isinstance(value, dict) and "kind" in value:  # a header
        return f"{value['kind']} {', '.join(value['value'].values())}"
    if isinstance(value, list) and "index" in value[0]:  # buttons
        return ", ".join(f"{one['index']} {one['kind'].replace('_', ' ')} {one['value']}" for one in value)
    if isinstance(value, list):
        return ", ".join(f"{one['name']} ({one['content_type']}, {one['bytes']:,} bytes)" for one in value)
    return str(value)


def send_test(
    context: typer.Context,
    flow: Flow,
    step: Step,
    to: Annotated[str, typer.Option("--to", help="The address, number, URL or person that gets it.")],
    contact: Contact,
    channel: Annotated[str | None, typer.Option(help="One of its channels; default: the one it would go by.")] = None,
) -> None:
    """Send the message of a step for one contact to an address of yours, marked as a test. Nothing counts it."""
    from segflow.cli import show

    sent = project_of(context).send_test(flow, step, to, contact, channel)
    if options_of(context).json:
        show.as_json({**sent.row, "meant": sent.meant, "replaced": sent.replaced})
        return
    row = sent.row
    show.out.print(f"Sent to {row['address']} by {row['sender']}: {row['provider_id'] or row['id']}", markup=False)
    if sent.replaced:
        told = f"delivery.mode is simulate: {row['sender']} took it in place of {sent.meant}."
        show.out.print(told, style="yellow", markup=False)
