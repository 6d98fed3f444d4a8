"""docs/SENDERS.md: the examples are settings, and every sender of email through an API has one."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from segflow.senders import kinds, sender_class, settings_of
from segflow.senders.shared.email_api import EmailApiSettings

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "SENDERS.md").read_text(encoding="utf-8")
_SECTION = re.compile(r"^## (\w+)\n(.*?)(?=^## |\Z)", re.MULTILINE | re.DOTALL)
_YAML = re.compile(r"^```yaml\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def sections() -> dict[str, str]:
    """Type -> what the page says of it."""
    return {name: text for name, text in _SECTION.findall(PAGE) if name in kinds()}


def examples() -> dict[str, dict[str, Any]]:
    """The senders that the page sets up, by name."""
    found: dict[str, dict[str, Any]] = {}
    for text in _YAML.findall(PAGE):
        found |= yaml.safe_load(text).get("senders", {})
    return found


def test_every_provider_of_email_is_on_the_page() -> None:
    by_api = {kind for kind in kinds() if issubclass(sender_class(kind).settings, EmailApiSettings)}
    assert len(by_api) == 5
    assert by_api <= set(sections())
    assert by_api <= {options["type"] for options in examples().values()}


@pytest.mark.parametrize("name", examples())
def test_the_examples_are_settings(name: str) -> None:
    options = examples()[name]
    assert settings_of(options["type"]).model_validate(options).type == options["type"]


@pytest.mark.parametrize("kind", sections())
def test_the_page_says_what_the_code_does(kind: str) -> None:
    text, found = " ".join(sections()[kind].split()), sender_class(kind)
    reports = re.search(r"Comes back[^:]*: (.*?)\. ", text)
    if found.settings.reports and reports is not None:
        told = re.sub(r" \([^)]*\)", "", reports.group(1)).split(", ")
        assert tuple(told) == found.settings.reports
    assert ("Not idempotent" in text) is not found.idempotent
    if found.idempotent_for is not None:
        assert f"Idempotent for {found.idempotent_for / 3600:.0f} hours" in text
    if found.at_once > 1:
        assert f"Up to {found.at_once:,} messages in a request" in text
