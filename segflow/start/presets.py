"""`--template`: segments and flows to start from, said in the names of the proposed catalog."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from segflow.start.names import words
from segflow.start.plan import Proposal
from segflow.start.render import filled

_EVENTS: dict[str, tuple[str, ...]] = {
    "buy": (
        "purchase", "order", "order_completed", "order_placed", "checkout_completed", "sale", "transaction", "payment",
        "invoice", "booking", "subscribe", "subscribed", "subscription_started", "upgrade", "upgraded",
    ),
    "cart": (
        "cart_add", "add_to_cart", "added_to_cart", "product_added", "cart", "basket_add", "add_to_basket",
        "checkout_started", "cart_updated",
    ),
    "active": (
        "login", "log_in", "signed_in", "sign_in", "session", "session_start", "app_open", "activity", "feature_used",
        "visit", "page_view",
    ),
    "open": ("open", "opened", "email_open", "email_opened", "opens", "open_email", "click", "email_click", "clicked"),
}  # fmt: skip
"""What an event may be called that a preset speaks of, the likeliest first."""
_CANCELLED = {"cancelled", "canceled", "churned", "terminated"}
_NEEDED = {
    "buy": "an event like purchase or order",
    "cart": "an event like cart_add",
    "active": "an event like login or session",
    "open": "an event like open",
    "created_at": "a time since when contacts exist, like created_at",
    "birthday": "a date like birthday",
    "trial_end": "a date like trial_ends_at",
    "cancelled": "a time like cancelled_at",
}


@dataclass(frozen=True)
class Preset:
    """A flow, the segments that it needs, and its letters. `needs`: what of `_NEEDED` must be there."""

    title: str
    flow: str
    needs: tuple[str, ...]
    letters: tuple[str, ...]
    segments: tuple[str, ...] = ()
    values: Mapping[str, str] = field(default_factory=dict)


_WELCOME = Preset("welcome", "welcome", ("created_at",), ("welcome", "welcome_more"), ("new_contacts",))
_BIRTHDAY = Preset("birthday", "birthday", ("birthday",), ("birthday",))
_AGAIN = ("re_engagement", "re_engagement_last")

_CART = Preset(
    "abandoned cart", "cart_reminder", ("cart", "buy"), ("cart_reminder", "cart_question"), ("abandoned_cart",)
)
_COMES_NO_MORE = Preset(
    "re-engagement", "re_engagement", ("active",), _AGAIN, ("inactive",), {"silent": "inactive", "back": "active"}
)
_READS_NO_MORE = Preset(
    "re-engagement",
    "re_engagement",
    ("open",),
    _AGAIN,
    ("silent_readers",),
    {"silent": "silent_readers", "back": "open"},
)

TEMPLATES: dict[str, tuple[Preset, ...]] = {
    "shop": (
        _WELCOME,
        _CART,
        Preset("win back", "win_back", ("buy",), ("win_back", "win_back_last"), ("lapsed_buyers",)),
        _BIRTHDAY,
    ),
    "saas": (
        _WELCOME,
        Preset("trial ending", "trial_ending", ("trial_end",), ("trial_ending", "trial_over")),
        _COMES_NO_MORE,
        Preset("win back", "come_back", ("cancelled",), ("cancelled_why", "cancelled_offer"), ("cancelled",)),
    ),
    "newsletter": (
        _WELCOME,
        _READS_NO_MORE,
        _BIRTHDAY,
    ),
}  # fmt: skip
"""Template -> what it brings."""


@dataclass
class Brought:
    """What became of a template: files, the ids in them, and what the data has nothing for."""

    files: dict[str, str]
    segments: list[str]
    flows: list[str]
    left_out: list[str]


def presets(template: str, proposal: Proposal, title: str, sample: bool) -> Brought:
    """The files of a template, as far as the catalog has what they speak of. `sample`: over data that it brought."""
    roles = _roles(proposal)
    made = Brought({}, [], [], [])
    who = proposal.contacts
    greeting = f" {{{{ contact.{who.first_name} | default('there') }}}}" if who.first_name else ""
    values: dict[str, Any] = {
        **dict.fromkeys(_NEEDED),
        **roles,
        "told_active": (roles.get("active") or "").replace("_", " "),
        "email": who.email is not None,
        "sms": who.phone is not None,
        "greeting": greeting,
        "title": title,
        "sample": sample,
        "clock": ", timezone: contact" if who.time_zone is not None else "",
    }
    for preset in TEMPLATES[template]:
        missing = [need for need in preset.needs if roles.get(need) is None]
        if missing:
            made.left_out.append(f"{preset.title}: the data has not {' nor '.join(_NEEDED[one] for one in missing)}")
            continue
        own = {name: roles.get(value) or value for name, value in preset.values.items()}
        for segment in preset.segments:
            made.files[f"segment_specs/{segment}.yml"] = filled(f"presets/segments/{segment}.yml", **values, **own)
            made.segments.append(segment)
        made.files[f"flow_specs/{preset.flow}.yml"] = filled(
            f"presets/flows/{preset.flow}.yml", **values, **own
        ).lstrip()
        made.flows.append(preset.flow)
        for letter in preset.letters if who.email is not None else ():
            made.files[f"flow_specs/templates/{letter}.txt"] = filled(
                f"presets/templates/{letter}.txt", **values, **own
            )
    return made


def _roles(proposal: Proposal) -> dict[str, str]:
    """What of `_NEEDED` the catalog has, by its name there."""
    roles: dict[str, str] = {}
    for role, names in _EVENTS.items():
        found = proposal.kind(*names)
        if found is not None:
            roles[role] = found[1].name
    who = proposal.contacts
    if who.created_at is not None:
        roles["created_at"] = who.created_at.name
    if who.birthday is not None:
        roles["birthday"] = who.birthday
    if who.trial_end is not None:
        roles["trial_end"] = who.trial_end
    for value in who.attributes:
        if value.type in ("date", "timestamp") and words(value.name) & _CANCELLED:
            roles.setdefault("cancelled", value.name)
    return roles
