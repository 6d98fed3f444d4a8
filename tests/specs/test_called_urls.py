"""`validate` warns of URLs that a webhook sender would not call, and of nothing that it cannot know."""

from __future__ import annotations

from pathlib import Path

import pytest

from segflow.specs.load import collect_with_warnings
from tests.specs.helpers import project

CALLS = """\
status: active
trigger: {{enters: tea}}
steps:
  - {{id: call, webhook: {{url: "{url}", sender: {sender}}}}}
"""
SETTINGS = """\
senders:
  hooks: {type: webhook}
  inside: {type: webhook, allow_private: true}
  named: {type: webhook, allow_hosts: [10.1.0.0/16]}
"""
REMEDY = "name 10.1.2.3 under allow_hosts of the sender, or give it allow_private: true"
REFUSED = f"flow_specs/x.yml:4:31: sending will refuse it: 10.1.2.3, a private address; {REMEDY}"
CASES: dict[str, tuple[str, str, list[str]]] = {
    "a private address": ("http://10.1.2.3/x", "hooks", [REFUSED]),
    "with a template behind it": ("http://10.1.2.3/{{ contact.city }}", "hooks", [REFUSED]),
    "allowed": ("http://10.1.2.3/x", "inside", []),
    "named": ("http://10.1.2.3/x", "named", []),
    "a name": ("https://crm.example.com/x", "hooks", []),
    "a template": ("https://{{ contact.city }}.example.com/x", "hooks", []),
    "a sender that calls nobody": ("http://10.1.2.3/x", "mailbox", []),
}


@pytest.mark.parametrize(("url", "sender", "told"), CASES.values(), ids=CASES.keys())
def test_a_url_that_is_not_called(tmp_path: Path, url: str, sender: str, told: list[str]) -> None:
    files = {"flows__x": CALLS.format(url=url, sender=sender), "settings": SETTINGS}
    _, issues, warnings = collect_with_warnings(project(tmp_path, **files))
    assert (issues, [str(one) for one in warnings]) == ([], told)
