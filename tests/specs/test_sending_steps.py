# ruff: noqa: E501 (tables: one case per line)
"""Mistakes in steps that write to contacts, tell people, give codes away and change contacts."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.specs.helpers import CATALOG, messages

WHATSAPP = CATALOG.replace("sms: {address: phone}", "sms: {address: phone}\n    whatsapp: {address: phone}")
SETTINGS = """\
senders:
  people: {type: notify, people: {manager: 'json://localhost/x'}}
  hooks: {type: webhook}
default_senders: {notify: people}
delivery: {attachments_at_most: 1.5KB}
coupons: {spring: {warn_below: 5}}
"""
TEMPLATES = {"templates__plain": "Hello", "html__page": "<p>Hello</p>", "templates__code": "Code {{ coupons.c }}"}
STEPS = {
    "fallback to itself": ("send_sms: {text: x, fallback: sms}", "41: sms is tried already; each channel comes once"),
    "fallback twice": ("send_email: {subject: x, text: x, fallback: [sms, sms]}", "61: sms is tried already; each channel comes once"),
    "fallback misspelt": ("send_sms: {text: x, fallback: emial}", "41: fallback cannot be the text 'emial': expected email, sms or whatsapp (did you mean email?)"),
    "fallback of two": ("send_sms: {text: x, fallback: [{email: {subject: x, text: x}, whatsapp: {template: a, language: en}}]}", "42: give one channel: email, sms or whatsapp, with its content"),
    "fallback without subject": ("send_sms: {text: x, fallback: email}", "41: an email needs a subject: write {email: {subject: ..., text: ...}}"),
    "fallback without text": ("send_email: {subject: x, html: x, fallback: sms}", "55: an SMS needs text:"),
    "fallback without txt": ("send_email: {template: page, subject: x, fallback: sms}", "62: an SMS needs page.txt"),
    "fallback without approval": ("send_sms: {text: x, fallback: whatsapp}", "41: WhatsApp sends approved templates only: write {whatsapp: {template: NAME, language: en}}"),
    "fallback from an approved template": ("send_whatsapp: {template: a, language: en, fallback: sms}", "64: an approved template of WhatsApp is no text: write {sms: ...} with what to send there"),
    "fallback with a sender": ("send_email: {subject: x, text: x, fallback: [{sms: {text: x, sender: people}}]}", "80: sender people (type notify) takes notify, not sms"),
    "category": ("send_sms: {text: x, category: transaction}", "41: category cannot be the text 'transaction': expected marketing or transactional (did you mean transactional?)"),
    "sender id": ("send_sms: {text: x, sender_id: A very long sender}", "42: 'A very long sender' is not a sender: up to 11 letters and digits, or a number"),
    "whatsapp name": ("send_whatsapp: {template: My Template, language: en}", "37: 'My Template' is not a name of WhatsApp's: lower-case letters, digits and _"),
    "whatsapp language": ("send_whatsapp: {template: a, language: english}", "50: 'english' is not a language like en or en_US"),
    "whatsapp variables": ("send_whatsapp: {template: a, language: en, variables: x}", "65: variables must be a list of texts, or names with texts"),
    "whatsapp variable": ("send_whatsapp: {template: a, language: en, variables: ['{{ contact.cty }}']}", "66: contact.cty: the catalog has no attribute cty (did you mean city?)"),
    "whatsapp header of two": ("send_whatsapp: {template: a, language: en, header: {text: x, image: {id: '1'}}}", "62: give one of text, image, document and video"),
    "whatsapp header of none": ("send_whatsapp: {template: a, language: en, header: {}}", "62: give one of text, image, document and video"),
    "whatsapp header misspelt": ("send_whatsapp: {template: a, language: en, header: {imge: {id: '1'}}}", "63: unknown key imge (did you mean image?)"),
    "whatsapp media of two": ("send_whatsapp: {template: a, language: en, header: {image: {id: '1', link: 'https://a.example/b'}}}", "70: give either link: or id:, an image, document or video that WhatsApp holds"),
    "whatsapp media of none": ("send_whatsapp: {template: a, language: en, header: {document: {filename: a.pdf}}}", "73: give either link: or id:, an image, document or video that WhatsApp holds"),
    "whatsapp media link": ("send_whatsapp: {template: a, language: en, header: {image: {link: 'cdn.example/a.png'}}}", "77: 'cdn.example/a.png' is not a link: http:// or https://"),
    "whatsapp media name": ("send_whatsapp: {template: a, language: en, header: {image: {id: '1', filename: x}}}", "80: unknown key filename; known here: link, id"),
    "whatsapp header variable": ("send_whatsapp: {template: a, language: en, header: {text: '{{ contact.cty }}'}}", "69: contact.cty: the catalog has no attribute cty (did you mean city?)"),
    "whatsapp media variable": ("send_whatsapp: {template: a, language: en, header: {video: {link: 'https://a.example/{{ contact.cty }}'}}}", "77: contact.cty: the catalog has no attribute cty (did you mean city?)"),
    "whatsapp header of two variables": ("send_whatsapp: {template: a, language: en, header: {text: {a: x, b: y}}}", "69: a header has one variable: text: ..., or text: {NAME: ...}"),
    "whatsapp named and not": ("send_whatsapp: {template: a, language: en, variables: {a: x}, header: {text: y}}", "26: a template's variables are all by position or all by name: variables and header differ"),
    "whatsapp button of none": ("send_whatsapp: {template: a, language: en, buttons: [{index: 0}]}", "64: give either url: or quick_reply:"),
    "whatsapp button of two": ("send_whatsapp: {template: a, language: en, buttons: [{index: 0, url: x, quick_reply: y}]}", "64: give either url: or quick_reply:"),
    "whatsapp button without index": ("send_whatsapp: {template: a, language: en, buttons: [{url: x}]}", "64: index is missing"),
    "whatsapp button index": ("send_whatsapp: {template: a, language: en, buttons: [{index: 10, url: x}]}", "72: index must be less than or equal to 9"),
    "whatsapp button twice": ("send_whatsapp: {template: a, language: en, buttons: [{index: 1, url: x}, {index: 1, quick_reply: y}]}", "92: there is a button 1 already"),
    "whatsapp button misspelt": ("send_whatsapp: {template: a, language: en, buttons: [{index: 0, quick_repy: x}]}", "75: unknown key quick_repy (did you mean quick_reply?)"),
    "whatsapp button variable": ("send_whatsapp: {template: a, language: en, buttons: [{index: 0, url: '{{ contact.cty }}'}]}", "80: contact.cty: the catalog has no attribute cty (did you mean city?)"),
    "whatsapp buttons of a fallback": ("send_sms: {text: x, fallback: [{whatsapp: {template: a, language: en, buttons: [{index: 0, url: '{{ contact.cty }}'}]}}]}", "107: contact.cty: the catalog has no attribute cty (did you mean city?)"),
    "send by none": ("send: {subject: x, text: x}", "11: nothing says which channel: give fallback: here, or contacts.default_channel in the catalog"),
    "send without subject": ("send: {text: x, fallback: sms}", "11: the channel may be email, and an email needs a subject: give subject:"),
    "send whatsapp": ("send: {subject: x, text: x, fallback: [sms, whatsapp]}", "55: WhatsApp sends approved templates only: give whatsapp: with its template"),
    "send nothing": ("send: {subject: x, fallback: sms}", "17: give either text: or template:"),
    "person": ("notify: {to: manger, text: x}", "24: there is no person manger (did you mean manager?)"),
    "address": ("notify: {to: a@b.example, text: x}", "24: the sender has no email: for addresses; name a@b.example among its people, or give it email:"),
    "sender without url": ("send_sms: {text: x, sender: hooks}", "39: sender hooks has no url:, so that it takes webhook only, not sms"),
    "due": ("create_task: {title: x, due: 5000 years}", "40: 5000 years is longer than 1000 years"),
    "title": ("create_task: {title: '{{ contact.cty }}'}", "32: contact.cty: the catalog has no attribute cty (did you mean city?)"),
    "pool": ("coupon: sprng", "19: there is no coupon pool sprng (did you mean spring?)"),
    "code before": ("send_sms: {text: '{{ coupons.c }}'}", "28: coupons.c: no coupon step c comes before this one"),
    "code in a template": ("send_sms: {template: code}", "32: coupons.c: no coupon step c comes before this one"),
    "tag": ("add_tag: vpi", "20: there is no tag vpi (did you mean vip?)"),
    "tag to remove": ("remove_tag: vpi", "23: there is no tag vpi (did you mean vip?)"),
    "increment of a text": ("update_contact: {level: {increment: 1}}", "47: increment adds to numbers; level is a text"),
    "increment by a text": ("update_contact: {points: {increment: x}}", "48: 'x' is not a number"),
    "two changes": ("update_contact: {points: {increment: 1, template: x}}", "36: give either increment: or template:"),
    "template of a change": ("update_contact: {level: {template: '{{ contact.cty }}'}}", "46: contact.cty: the catalog has no attribute cty (did you mean city?)"),
    "now of a number": ("update_contact: {points: now}", "36: points takes a number, not the text 'now'"),
    "attachment": ("send_email: {subject: x, text: x, attachments: [pricelist.pdf]}", "59: there is no file flow_specs/attachments/pricelist.pdf (did you mean prices.pdf?)"),
    "attachment out of the folder": ("send_email: {subject: x, text: x, attachments: [../x.yml]}", "59: ../x.yml is not in flow_specs/attachments: attachments come from there alone"),
    "attachments too large": ("send_email: {subject: x, text: x, attachments: [prices.pdf, more.pdf]}", "58: the attachments have 1,600 bytes together; delivery.attachments_at_most is 1.5KB"),
    "attachment of a fallback": ("send_sms: {text: x, fallback: [{email: {subject: x, text: x, attachments: [moore.pdf]}}]}", "86: there is no file flow_specs/attachments/moore.pdf (did you mean more.pdf?)"),
    "attachment of send": ("send: {subject: x, text: x, fallback: sms, attachments: [moore.pdf]}", "68: there is no file flow_specs/attachments/moore.pdf (did you mean more.pdf?)"),
    "utm misspelt": ("send_email: {subject: x, text: x, utm: {campain: x}}", "51: unknown key campain (did you mean campaign?)"),
    "utm as a word": ("send_email: {subject: x, text: x, utm: shop}", "50: utm is {source: ..., medium: ..., campaign: ..., content: ...}, each of them optional, or false"),
    "utm filled in": ("send_email: {subject: x, text: x, utm: {source: '{{ flow.id }}'}}", "59: '{{ flow.id }}' is a plain text: nothing is filled in here"),
    "utm of nothing": ("send_email: {subject: x, text: x, utm: {source: ''}}", "59: source: the text is empty"),
    "delete where nothing may be": ("delete_contact: true", "11: model stg_contacts would bring the contact back in the next tick: write deletions: true under contacts: in the catalog"),
    "on_failure": ("coupon: spring, on_failure: stop", "39: on_failure cannot be the text 'stop': expected continue or end"),
}  # fmt: skip


@pytest.mark.parametrize(("step", "expected"), STEPS.values(), ids=STEPS)
def test_mistakes(tmp_path: Path, step: str, expected: str) -> None:
    folder = tmp_path / "flow_specs" / "attachments"
    folder.mkdir(parents=True)
    (folder / "prices.pdf").write_bytes(b"x" * 1_000)
    (folder / "more.pdf").write_bytes(b"x" * 600)
    flow = f"trigger: {{enters: tea}}\nsteps:\n- {{id: a, {step}}}\n"
    found = messages(tmp_path, flows__x=flow, settings=SETTINGS, segments__catalog=WHATSAPP, **TEMPLATES)
    assert len(found) == 1
    assert found[0].startswith(f"x.yml:3:{expected}")


def test_a_sender_must_send_attachments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("segflow.senders.mailbox.MailboxSettings.sends_attachments", False)
    (tmp_path / "flow_specs" / "attachments").mkdir(parents=True)
    (tmp_path / "flow_specs" / "attachments" / "a.pdf").write_bytes(b"x")
    flow = "trigger: {enters: tea}\nsteps:\n- {id: a, send_email: {subject: x, text: x, attachments: [a.pdf]}}\n"
    assert messages(tmp_path, flows__x=flow) == ["x.yml:3:58: sender mailbox (type mailbox) sends no attachments"]


def test_a_code_is_there_after_its_step_in_all_ways(tmp_path: Path) -> None:
    flow = """\
trigger: {enters: tea}
steps:
  - id: way
    branch:
      if: {tag: vip}
      then: [{id: c, coupon: {pool: spring}}]
  - {id: tell, send_sms: {template: code}}
  - {id: more, send_sms: {text: "{{ coupons['c'] }} {{ coupons.d }}"}}
"""
    found = messages(tmp_path, flows__x=flow, settings=SETTINGS, **TEMPLATES)
    assert found == ["x.yml:8:33: coupons.d: no coupon step d comes before this one"]


CATALOGS = {
    "default channel": ("  channels:\n", "  default_channel: agee\n  channels:\n", "there is no attribute agee (did you mean age?)"),
    "type of it": ("  channels:\n", "  default_channel: age\n  channels:\n", "default_channel must be a text attribute; age is a number"),
}  # fmt: skip


@pytest.mark.parametrize(("old", "new", "expected"), CATALOGS.values(), ids=CATALOGS)
def test_the_default_channel_is_a_text(tmp_path: Path, old: str, new: str, expected: str) -> None:
    [found] = messages(tmp_path, segments__catalog=CATALOG.replace(old, new))
    assert found.endswith(expected)


def test_settings_of_people_and_pools(tmp_path: Path) -> None:
    settings = """\
senders:
  people: {type: notify, email: 'mailto://a.example'}
coupons: {spring: {warn_below: -1}}
delivery: {attachments_at_most: 10}
"""
    assert messages(tmp_path, settings=settings) == [
        "segflow.yml:2:11: email: has no {to}, where the address goes",
        "segflow.yml:3:32: warn_below must be greater than or equal to 0",
        "segflow.yml:4:33: '10' is not a size: write a number and a unit, like 10MB or 500KB",
    ]
