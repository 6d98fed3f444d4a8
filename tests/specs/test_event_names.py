# ruff: noqa: E501 (tables: one case per line)
"""Events that the data calls otherwise than conditions do: mistakes in the catalog and in conditions, with places."""

from __future__ import annotations

from pathlib import Path

import pytest

from segflow.specs.catalog import Catalog
from segflow.specs.event_names import as_type
from segflow.specs.spec_file import parse_spec_file
from tests.specs.helpers import CATALOG, messages

TYPES = "      purchase: {category: text, amount: number, gift: boolean, labels: list_of_text}\n      page_view: {url: text}\n"
LINE = CATALOG[: CATALOG.index(TYPES)].count("\n") + 1
SEGMENT = "where: {event: review}\n"


def told(root: Path, types: str, where: str = "{event: review}", more: str = "") -> list[str]:
    """The issues with other `types` in the catalog. The first line of `types` is line `LINE`."""
    catalog = CATALOG.replace(TYPES, "".join(f"      {line}\n" for line in types.split("\n"))) + more
    return messages(root, segments__catalog=catalog, segments__tea=f"where: {where}\n")


RIGHT: dict[str, tuple[str, str]] = {
    "a text with a blank": ("order_completed: {is: Order Completed, properties: {amount: number}}", "{event: order_completed, sum: {property: amount, gte: 1}}"),
    "without properties": ('pageview: {is: "$pageview"}', "{event: pageview}"),
    "the same as its name": ("pageview: {is: pageview}", "{event: pageview}"),
    "the properties alone": ("pageview: {url: text}", "{event: pageview, where: {property: url, is: x}}"),
    "a property that is called is": ("pageview: {is: text, url: text}", "{event: pageview, where: {property: is, is: x}}"),
    "a property that is called is, with a column": ("pageview: {is: {type: text, column: IS}}", "{event: pageview, where: {property: is, is: x}}"),
    "a property that is called properties": ("pageview: {properties: {type: text, column: p}}", "{event: pageview, where: {property: properties, is: x}}"),
    "an event that is called like a type": ("written: {is: text, properties: {url: text}}", "{event: written, where: {property: url, is: x}}"),
    "properties without is": ("pageview: {properties: {url: text}}", "{event: pageview, where: {property: url, is: x}}"),
    "a prefix of names": ("cart_add: {is: cart.add}\ncart_drop: {is: cart.drop}", "{event_prefix: cart_}"),
}  # fmt: skip


@pytest.mark.parametrize(("types", "where"), RIGHT.values(), ids=RIGHT)
def test_accepted(tmp_path: Path, types: str, where: str) -> None:
    assert told(tmp_path, types, where) == []


WRONG: dict[str, tuple[str, str, list[str]]] = {
    "a text as a name": ("Order Completed: {amount: number}", "{event: review}", ["catalog.yml:{line}:7: 'Order Completed' is no name for conditions: write order_completed: {{is: Order Completed}}"]),
    "properties beside is": ("done: {is: Order Completed, amount: number}", "{event: review}", ["catalog.yml:{line}:13: amount stands beside is: or properties:, where properties go under properties:, like properties: {{amount: number}}"]),
    "a number": ("done: {is: 404}", "{event: review}", ["catalog.yml:{line}:18: is must be a text, not the number 404; put it in quotes"]),
    "an empty text": ("done: {is: ''}", "{event: review}", ["catalog.yml:{line}:18: is: the text is empty"]),
    "a wrong type below properties": ("done: {is: X, properties: {amount: nmber}}", "{event: review}", ["catalog.yml:{line}:42: type cannot be the text 'nmber': expected text, number, integer, boolean, date, timestamp or list_of_text (did you mean number?)"]),
    "written by flows": ("done: {is: X, properties: {amount: {type: number, written_by: flows}}}", "{event: review}", ["catalog.yml:{line}:57: flows write attributes of contacts only, not of events"]),
    "two of one text": ("one: {is: X}\ntwo: {is: X}", "{event: review}", ["catalog.yml:{next}:17: events one and two are both called 'X' in the data; a row can only be one of them"]),
    "a text that is another's name": ("one: {is: two}\ntwo: {url: text}", "{event: review}", ["catalog.yml:{line}:17: events one and two are both called 'two' in the data; a row can only be one of them"]),
    "the text in a condition": ("order_completed: {is: Order Completed}", "{event: Order Completed}", ["tea.yml:1:16: conditions call event 'Order Completed' by the catalog's name for it: write order_completed"]),
    "a text in a sequence": ("pageview: {is: $pageview}", "{event: review, followed_by: {event: $pageview, within: 1 day}}", ["tea.yml:1:45: conditions call event '$pageview' by the catalog's name for it: write pageview"]),
    "nearly the text": ("order_completed: {is: Order Completed}", "{event: Order Compleetd}", ["tea.yml:1:16: there is no event Order Compleetd (did you mean order_completed?)"]),
    "a text that the catalog does not have": ("done: {is: X}", "{event: Signed Up}", ["tea.yml:1:16: there is no event Signed Up; the catalog names it under types, like signed_up: {{is: Signed Up}}"]),
    "a text that needs quotes": ("done: {is: X}", "{event: 'a: b'}", ["tea.yml:1:16: there is no event a: b; the catalog names it under types, like a_b: {{is: 'a: b'}}"]),
    "a text without letters": ("done: {is: X}", "{event: '404'}", ["tea.yml:1:16: there is no event 404; there are done, review"]),
    "a prefix of texts": ("add: {is: cart.add}", "{event_prefix: cart.}", ["tea.yml:1:23: no event's name begins with cart., but names in the data do: give the catalog event_prefixes: {{cart: {{is: cart.}}}}"]),
    "a prefix of nothing": ("add: {is: cart.add}", "{event_prefix: shop_}", ["tea.yml:1:23: the catalog has no event whose name begins with shop_; known: add, review"]),
}  # fmt: skip


@pytest.mark.parametrize(("types", "where", "expected"), WRONG.values(), ids=WRONG)
def test_refused(tmp_path: Path, types: str, where: str, expected: list[str]) -> None:
    assert told(tmp_path, types, where) == [text.format(line=LINE, next=LINE + 1) for text in expected]


PREFIXES: dict[str, tuple[str, str, list[str]]] = {
    "by its name": ("cart: {is: cart.}", "{event_prefix: cart}", []),
    "by its text": ("cart: {is: cart.}", "{event_prefix: cart.}", ["tea.yml:1:23: conditions call the events 'cart....' by the catalog's name for them: write cart"]),
    "that none has": ("cart: {is: Cart}", "{event_prefix: cart}", ["catalog.yml:{line}:14: no event's name in the data begins with 'Cart'; known: cart.add, cart.drop, other, review"]),
    "without a text": ("cart: {}", "{event: review}", ["catalog.yml:{line}:9: is is missing"]),
}  # fmt: skip


@pytest.mark.parametrize(("prefixes", "where", "expected"), PREFIXES.values(), ids=PREFIXES)
def test_prefixes(tmp_path: Path, prefixes: str, where: str, expected: list[str]) -> None:
    types = "add: {is: cart.add}\ndrop: {is: cart.drop}\nother: {}"
    line = CATALOG.count("\n") + 3
    found = told(tmp_path, types, where, f"event_prefixes:\n  {prefixes}\n")
    assert found == [text.format(line=line) for text in expected]


def test_a_prefix_means_texts_once_the_catalog_says_so() -> None:
    types = {"cart_add": {"is": "cart.add"}, "drop": {"is": "cart.drop"}, "cart": {}}
    source = {"model": "m", "name": "n", "types": types}
    contacts = {"model": "c"}
    plain = Catalog.model_validate({"contacts": contacts, "events": [source]})
    said = Catalog.model_validate(
        {"contacts": contacts, "events": [source], "event_prefixes": {"cart": {"is": "cart."}}}
    )
    assert list(plain.events_named("cart")) == ["cart_add", "cart"]
    assert list(said.events_named("cart")) == ["cart_add", "drop"]


@pytest.mark.parametrize(
    "text", ["Order Completed", "$pageview", "cart.add", "a: b", "it's", '"x"', "yes", "1.0", "é", "a, {b}"]
)
def test_the_proposed_entry_validates(text: str) -> None:
    data = parse_spec_file(
        f"events: [{{model: m, name: n, types: {{{as_type('x', text)}}}}}]\ncontacts: {{model: c}}", "f"
    )
    assert Catalog.model_validate(data.data).event_texts() == {"x": text}
