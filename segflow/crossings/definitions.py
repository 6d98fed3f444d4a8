"""What a definition says beside its condition: how the catalog maps the attributes it reads, and the user's models."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from segflow.segments.compiler import CONTACTS, Compiled
from segflow.segments.emit import indent, ref_text, refs, template
from segflow.segments.membership_models import contacts_query
from segflow.specs.catalog import Catalog, Contacts
from segflow.warehouse.models import Models
from segflow.warehouse.names import own_model, own_relation
from segflow.warehouse.words import Words

_MAPPING = {"model", "key", "created_at"}
_ATTRIBUTE = {"type", "column", "unix", "written_by"}


@dataclass(frozen=True)
class Definition:
    """What tells one version of a segment from another. None: an earlier segflow did not record it."""

    fingerprint: str
    """The meaning of its condition, of what it refers to, and of what the catalog says about its sources."""
    contacts: str | None
    """How the catalog maps contacts and those of their attributes that the segment reads, as JSON: with it the old rule
    can be asked over the old mapping."""
    models: str | None
    """A hash of the code of the user's models that it reads."""

    def same(self, other: Definition) -> bool:
        """Are both one version?"""
        known = self.models is not None and other.models is not None
        return self.fingerprint == other.fingerprint and (not known or self.models == other.models)


def definitions(compiled: Compiled, models: Models, segments: Collection[str]) -> dict[str, Definition]:
    """The definitions of these segments as the files have them. Raises RunError when they read an unknown model."""
    catalog = compiled.specs.catalog
    code: dict[str, str] = {}
    mappings: dict[frozenset[str], str] = {}
    found = {}
    for name in segments:
        segment = compiled.segments[name]
        prefix = f"{CONTACTS}."
        read = frozenset(part.removeprefix(prefix) for part in compiled.depends_on(name) if part.startswith(prefix))
        theirs = {model for model in refs(segment.standalone) if own_relation(model) is None}
        read_models = sorted(theirs | {catalog.contacts.model})
        for model in read_models:
            if model not in code:
                code[model] = models.code(model)
        if read not in mappings:
            mappings[read] = json.dumps(_mapping(catalog.contacts, read), sort_keys=True)
        told = "\n".join(f"{model} {code[model]}" for model in read_models)
        found[name] = Definition(segment.fingerprint, mappings[read], hashlib.sha256(told.encode()).hexdigest()[:16])
    return found


def with_contacts(text: str, mapping: str, catalog: Catalog, words: Words) -> str:
    """`text`, the compiled SQL of a version, over contacts as `mapping` (JSON) has them instead of as they are built.

    Raises ValueError when the mapping is none.
    """
    contacts = Contacts.model_validate({**json.loads(mapping), "deletions": catalog.contacts.deletions})
    old = catalog.model_copy(update={"contacts": contacts})
    rows = indent(template(contacts_query(old), words))
    text = text.replace(ref_text(own_model(CONTACTS)), CONTACTS)
    return text.replace("with ", f"with {CONTACTS} as (\n{rows}\n),\n", 1)


def _mapping(contacts: Contacts, read: Collection[str]) -> dict[str, Any]:
    # Without defaults: a key that a later segflow adds must not look like an edit of the catalog.
    attributes = {
        name: attribute.model_dump(mode="json", include=_ATTRIBUTE, exclude_defaults=True)
        for name, attribute in contacts.attributes.items()
        if name in read
    }
    return {**contacts.model_dump(mode="json", include=_MAPPING, exclude_defaults=True), "attributes": attributes}
