"""What an event is called: by conditions (a name of the catalog) and by the data (any text)."""

from __future__ import annotations

import re
from collections.abc import Iterable

import yaml

from segflow.errors import nearest
from segflow.specs.catalog import Catalog


def proposal(text: str) -> str:
    """A name for conditions made from a text of the data; empty when the text has no letter to begin with."""
    return re.sub("[^a-z0-9]+", "_", text.lower()).lstrip("0123456789_")[:60].rstrip("_")


def as_type(name: str, text: str) -> str:
    """The entry of the catalog's `types` by which `text` of the data is event `name`:
    `order_completed: {is: Order Completed}`."""
    dumped = yaml.safe_dump({"is": text}, default_flow_style=True, allow_unicode=True, width=10_000, sort_keys=False)
    return f"{name}: {dumped.strip()}"


def spelt_like(name: str, texts: Iterable[str]) -> str | None:
    """The text of the data that is most likely meant by an event of the catalog; None when none is near."""
    texts = list(texts)
    return next((text for text in texts if proposal(text) == name), None) or nearest(name, texts)


def no_event(catalog: Catalog, given: str) -> str:
    """The sentence for an event that the catalog does not have by this name."""
    texts = {name: source.text(name) for source in catalog.events for name in source.kinds()}
    same = [name for name, text in texts.items() if text == given]
    if same:
        return f"conditions call event '{given}' by the catalog's name for it: write {same[0]}"
    known = {**{text: name for name, text in texts.items()}, **{name: name for name in texts}}
    near = nearest(given, known)
    if near is not None:
        return f"there is no event {given} (did you mean {known[near]}?)"
    name = proposal(given)
    if name and name != given:
        return f"there is no event {given}; the catalog names it under types, like {as_type(name, given)}"
    some = f"; there {'is' if len(texts) == 1 else 'are'} {', '.join(texts)}" if 0 < len(texts) <= 12 else ""
    return f"there is no event {given}{some}"


def no_prefix(catalog: Catalog, given: str) -> str:
    """The sentence for an event_prefix that no event of the catalog begins with."""
    texts = {name: source.text(name) for source in catalog.events for name in source.kinds()}
    same = [name for name, spec in catalog.event_prefixes.items() if spec.is_ == given]
    if same:
        return f"conditions call the events '{given}...' by the catalog's name for them: write {same[0]}"
    meant = [name for name, text in texts.items() if text.startswith(given)]
    if meant:
        called = proposal(given)
        entry = f"event_prefixes: {{{as_type(called, given)}}}" if called else "event_prefixes"
        return f"no event's name begins with {given}, but names in the data do: give the catalog {entry}"
    known = ", ".join(sorted(texts)) or "none"
    return f"the catalog has no event whose name begins with {given}; known: {known}"
