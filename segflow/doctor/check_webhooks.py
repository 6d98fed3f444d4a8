"""Where do webhook steps go? What a host resolves to is known where messages are sent, not when specs are read."""

from __future__ import annotations

from segflow.doctor.findings import Checked, Finding
from segflow.doctor.workspace import ExaminedWorkspace
from segflow.specs.steps.webhook import WebhookStep


def webhooks(examined: ExaminedWorkspace) -> Checked:
    """Would their senders call the hosts that they name? In mode simulate nobody is called, and no name is resolved."""
    examined.need_specs()
    live = examined.settings.delivery.mode != "simulate"
    senders, default = examined.settings.all_senders(), examined.settings.default_senders.webhook
    found: list[Finding] = []
    steps = 0
    for name, flow in sorted(examined.specs.flows.items()):
        for step in flow.spec.walk():
            if not isinstance(step, WebhookStep) or (sender := senders.get(step.webhook.sender or default)) is None:
                continue
            steps += 1
            url = step.webhook.url
            # A host that is filled per contact is judged when the message goes out.
            if "{" in url.partition("://")[2].partition("/")[0]:
                continue
            if (why := sender.refuses(url, resolve=live)) is not None:
                what, _, remedy = why.partition("; ")
                found.append(
                    Finding(f"flow {name}, step {step.id}: {what}", "its calls fail, and are not repeated", remedy)
                )
    return Checked("webhooks", f"{steps} steps call hosts that they may call" if steps else "no step calls one", found)
