"""The text of segment_specs/catalog.yml."""

from __future__ import annotations

from typing import Any

from segflow.start.plan import Contacts, Events, Kind, Proposal
from segflow.start.render import attribute, filled, flow, scalar, time
from segflow.start.staging import contact_of, joined_by


def catalog(proposal: Proposal) -> str:
    """The catalog of a proposal, with comments."""
    contacts = proposal.contacts
    return filled(
        "segment_specs/catalog.yml",
        contacts={
            "model": contacts.model,
            "key": contacts.key,
            "created_at": time(contacts.created_at) if contacts.created_at else None,
            "time_zone": contacts.time_zone,
            "attributes": [attribute(one) for one in contacts.attributes],
            "channels": _channels(contacts),
        },
        events=[_events(proposal, one) for one in proposal.events],
        objects=[
            {
                "name": one.name,
                "model": one.model,
                "key": one.key,
                "belongs_to": one.belongs_to,
                "via": contact_of(proposal, one.table) if joined_by(proposal, one.table) else one.via,
                "contacts_by": one.contacts_by,
                "created_at": time(one.created_at) if one.created_at else None,
                "fields": [attribute(value) for value in one.fields],
            }
            for one in proposal.objects
        ],
        labels=[
            {
                "kind": one.kind,
                "model": one.model,
                "contact": contact_of(proposal, one.table) if joined_by(proposal, one.table) else one.contact,
                "name": one.name,
                "added_at": time(one.added_at) if one.added_at else None,
            }
            for one in proposal.labels
        ],
    )


def _channels(contacts: Contacts) -> list[dict[str, Any]]:
    found = []
    for channel, address in (("email", contacts.email), ("sms", contacts.phone)):
        if address is not None:
            spec = {"address": address}
            consent = contacts.consent.get(channel)
            if consent is not None:
                spec["consent"] = consent
            found.append({"name": channel, "spec": flow(spec), "consent": consent})
    return found


def _events(proposal: Proposal, source: Events) -> dict[str, Any]:
    return {
        "model": source.model,
        "contact": contact_of(proposal, source.table) if joined_by(proposal, source.table) else source.contact,
        "at": time(source.at),
        "id": source.id,
        "name_column": source.name_column,
        "kinds": [_kind(one) for one in source.kinds],
    }


def _kind(kind: Kind) -> dict[str, Any]:
    """A kind in its short form, or with `is:` where the data has another name for it."""
    properties = [attribute(one) for one in kind.properties]
    if kind.name == kind.text:
        return {"name": kind.name, "head": f"{kind.name}:" if properties else f"{kind.name}: {{}}", "indent": "",
                "properties": properties}  # fmt: skip
    if not properties:
        return {"name": kind.name, "head": f"{kind.name}: {flow({'is': kind.text})}", "indent": "", "properties": []}
    head = f"{kind.name}:\n        is: {scalar(kind.text)}\n        properties:"
    return {"name": kind.name, "head": head, "indent": "  ", "properties": properties}
