"""`segflow init` on data as people have it: what the catalog says of it, and two green ticks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from segflow.segments.rule_tests import run_tests
from segflow.specs.fmt import fmt_project
from segflow.specs.load import load_specs
from segflow.start.start import Wanted, start
from tests.start.data import ago, catalog, made, rows, table, ticks

PEOPLE = rows(
    "id,email,first_name,city,signed_up",
    "{n},p{n}@example.com,Ann,{city},{at}",
    20,
    city=lambda n: "London" if n % 3 else "Bern",
    at=lambda n: ago(n),
)
ORDERS = rows(
    "id,customer_id,ordered_at,status,total",
    "{n},{who},{at},{status},{total}",
    40,
    who=lambda n: n % 12 + 1,
    at=lambda n: ago(3 * n),
    status=lambda n: "paid" if n % 4 else "refunded",
    total=lambda n: f"{n}.50",
)


CASES: dict[str, tuple[dict[str, str | bytes], dict[str, Any], tuple[str, ...]]] = {
    "customers and orders, an id column in each": (
        {"customers.csv": PEOPLE, "orders.csv": ORDERS},
        {
            "contacts.model": "stg_customers",
            "contacts.key": "id",
            "contacts.created_at": "signed_up",
            "contacts.channels": {"email": {"address": "email"}},
            "events.0.event": "order",
            "events.0.contact": "customer_id",
            "events.0.at": "ordered_at",
            "events.0.id": "id",
            "objects.order.via": "customer_id",
            "objects.order.fields.total": "number",
        },
        ("id: 20 values", "12 of its 12 different values are in customers.id"),
    ),
    "semicolons, headers with blanks and capitals, ids with zeros, days first": (
        {
            "Customers 2026.csv": rows(
                '"Customer ID";"E-Mail Address";"Date of birth";"Order"',
                '"{id}";"{n}@example.com";{day};"{n},50"',
                20,
                id=lambda n: f"{n:05d}",
                day=lambda n: f"{n + 5:02d}/04/1980",
            )
        },
        {
            "contacts.key": "customer_id",
            "contacts.attributes.email_address": "text",
            "contacts.attributes.date_of_birth": "date",
            "contacts.attributes.order": "number",
        },
        ("Customer ID: 20 values",),
    ),
    "days and months that can be read in two ways": (
        {"customers.csv": rows("id,email,joined", "{n},{n}@example.com,{day}", 9, day=lambda n: f"0{n}/0{n}/2025")},
        {"contacts.attributes.joined": "date"},
        ("which can be read in two ways: it is read with the day before month",),
    ),
    "no email, phones only": (
        {"members.csv": rows("member_no,mobile,town", "M{n},+4479460{n:05d},{t}", 12, t=lambda n: "AB"[n % 2])},
        {"contacts.channels": {"sms": {"address": "mobile"}}, "contacts.key": "member_no"},
        ("no column says who agreed",),
    ),
    "neither email nor phone": (
        {"clients.csv": rows("client_id,tier", "c{n},{t}", 12, t=lambda n: "gold" if n % 3 else "silver")},
        {"contacts.attributes.tier": "text"},
        ("no column of the contacts holds addresses",),
    ),
    "two tables that could be the contacts": (
        {
            "customers.csv": PEOPLE,
            "users.csv": rows("user_id,login,email", "{n},u{n},u{n}@example.com", 9),
            "orders.csv": ORDERS,
        },
        {"contacts.model": "stg_customers"},
        ("users could be the contacts, too; if they are, start again with --contacts users",),
    ),
    "events of visitors without a contact": (
        {
            "users.csv": rows("id,email", "{n},u{n}@example.com", 10),
            "events.csv": rows(
                "user_id,event,ts,props",
                '{who},{name},{at},"{{""page"": ""/{n}"", ""price"": {n}}}"',
                60,
                who=lambda n: n % 10 if n % 10 else "",
                name=lambda n: ("Page View", "signup", "Cart.Add")[n % 3],
                at=lambda n: ago(n, "%s"),
            ),
        },
        {
            "events.0.at": {"column": "ts", "unix": "seconds"},
            "events.0.types.signup": {
                "page": {"type": "text", "column": ["props", "page"]},
                "price": {"type": "number", "column": ["props", "price"]},
            },
            "events.0.types.cart_add.is": "Cart.Add",
        },
        ("6 rows have none and belong to nobody", "event says which: "),
    ),
    "a table called like a word of SQL, columns too": (
        {
            "user.csv": rows("id,email,group,select", "{n},u{n}@example.com,{g},x{n}", 10, g=lambda n: "ab"[n % 2]),
            "order.csv": rows("id,user,from,at", "{n},{who},web,{at}", 20, who=lambda n: n % 7 + 1, at=ago),
        },
        {"contacts.model": "stg_user", "objects.order.via": "user", "contacts.attributes.group": "text"},
        (),
    ),
    "an empty table, and one that nothing leads to": (
        {
            "customers.csv": PEOPLE,
            "later.csv": "id,customer_id\n",
            "weather.csv": rows("day,rain", "{d},{n}", 5, d=lambda n: ago(n, "%Y-%m-%d")),
        },
        {"contacts.model": "stg_customers"},
        ("later.csv: has no rows", "weather.csv: no column of it leads to a contact"),
    ),
    "one file of orders, and no contacts": (
        {
            "sales.csv": rows(
                "invoice,customer_id,email,country,bought_on,amount",
                "{n},{who},c{who}@example.com,{land},{at},{n}.25",
                40,
                who=lambda n: n % 8,
                land=lambda n: "UK" if n % 8 < 3 else "France",
                at=lambda n: ago(n, "%Y-%m-%d"),
            )
        },
        {
            "contacts.model": "stg_customers",
            "contacts.key": "customer_id",
            "contacts.created_at": "created_at",
            "contacts.attributes.country": "text",
            "events.0.model": "stg_sales",
        },
        ("no table has a row for each; 8 different values in 40 rows",),
    ),
    "nested folders, a month in each file": (
        {
            "crm/customers.csv": PEOPLE,
            **{
                f"shop/orders/orders_2026-0{m}.csv": rows(
                    "order_no,customer_id,ordered_at", f"{m}-{{n}},{{n}},2026-0{m}-01", 6
                )
                for m in (1, 2, 3)
            },
        },
        {"objects.order.key": "order_no"},
        ("shop/orders/orders*.csv (3 files)", "18 rows"),
    ),
    "a line is part of an order, and has no id": (
        {
            "customers.csv": PEOPLE,
            "orders.csv": ORDERS,
            "order_lines.csv": rows("order_id,product,qty", "{o},tea,1", 60, o=lambda n: n % 40 + 1),
        },
        {"objects.order_line.belongs_to": "order", "objects.order_line.key": "order_line_number"},
        ("order_line_number numbers its 60 rows",),
    ),
    "companies, to which contacts belong": (
        {
            "contacts.csv": rows("id,email,company_id", "{n},{n}@example.com,{c}", 20, c=lambda n: f"co{n % 4}"),
            "companies.csv": rows("company_id,size", "co{c},{n}0", 4, c=lambda n: n - 1),
        },
        {"objects.company.contacts_by": "company_id", "objects.company.fields.size": "integer"},
        (),
    ),
    "opens that know an email address only": (
        {
            "subscribers.csv": rows("subscriber_id,email,unsubscribed_at", "s{n},{n}@example.com,{u}", 30,
                                    u=lambda n: "" if n % 3 else "2026-01-01"),
            "opens.csv": rows("email,opened_at", "{w}@example.com,{at}", 50, w=lambda n: n % 25 + 1, at=ago),
        },
        {
            "contacts.key": "subscriber_id",
            "contacts.channels.email.consent": "email_allowed",
            "events.0.contact": "contact_id",
        },
        ("where unsubscribed_at is empty",),
    ),
    "tags and lists": (
        {
            "customers.csv": PEOPLE,
            "customer_tags.csv": rows("customer_id,tag,added_at", "{n},vip,2026-01-01", 9),
            "list_members.csv": rows("customer_id,list_name", "{n},newsletter", 9),
        },
        {"tags.name": "tag", "tags.added_at": "added_at", "lists.name": "list_name"},
        ("holds tags", "holds lists"),
    ),
    "zones, consent as words, secrets and columns without values": (
        {
            "customers.csv": rows(
                "id,email,timezone,email_opt_in,password_hash,nothing",
                "{n},{n}@example.com,{z},{y},x{n},",
                20,
                z=lambda n: ("Europe/Berlin", "America/New_York")[n % 2],
                y=lambda n: ("yes", "No")[n % 2],
            )
        },
        {
            "contacts.time_zone": "timezone",
            "contacts.channels.email.consent": "email_opt_in",
            "contacts.attributes.email_opt_in": "boolean",
        },
        ("customers.password_hash: sounds like a secret", "customers.nothing: has no values", "2 of 2 different"),
    ),
    "written by a spreadsheet: latin-1, sep=, a decimal comma, a cell with a line break": (
        {
            "kunden.csv": table(
                "sep=;",
                "Kundennr;E-Mail;Straße;Umsatz;Notiz",
                *(f'{n};{n}@example.com;Grünweg {n};1.{n:03d},50;"eine\nzwei"' for n in range(1, 15)),
            ).encode("latin-1")
        },
        {"contacts.key": "kundennr", "contacts.attributes.umsatz": "number", "contacts.attributes.strasse": "text"},
        (),
    ),
    "values with quotes, braces and colons": (
        {
            "customers.csv": rows(
                "id,email,plan", "{n},{n}@example.com,{p}", 20, p=lambda n: "'O''Brien': {{x}} #1" if n % 3 else "b"
            )
        },
        {"contacts.attributes.plan": "text"},
        (),
    ),
    "rows that lack their last columns, and values that are none of their kind": (
        {
            "customers.csv": table(
                "id,email,score,note", *(f"{n},{n}@example.com,{n if n != 60 else 'n/a'},x" for n in range(1, 120)),
                "120,a@example.com",
            )
        },
        {"contacts.attributes.score": "integer"},
        ("1 of 119 values are not an integer, and count as missing",),
    ),
    "a single contact": ({"customers.csv": "id,email\n1,a@example.com\n"}, {"contacts.key": "id"}, ()),
}  # fmt: skip


def at(found: Any, path: str) -> Any:
    for key in path.split("."):
        found = found[int(key)] if isinstance(found, list) else found[key]
    return found


@pytest.mark.parametrize(("files", "expected", "told"), CASES.values(), ids=CASES)
def test_a_project_of_ones_own(
    tmp_path: Path, files: dict[str, str | bytes], expected: dict[str, Any], told: tuple[str, ...]
) -> None:
    started = made(tmp_path, files)
    found = catalog(started)
    assert {path: at(found, path) for path in expected} == expected
    said = "\n".join([*(f"{one.what}: {one.why}" for one in started.choices), *started.left_out])
    assert [one for one in told if one not in said] == [], said
    (report,) = ticks(started, 1)
    assert report.errors == []
    assert {one.segment: one.members for one in report.segments} == started.segments
    assert report.contacts == started.contacts


@pytest.mark.parametrize("template", ["shop", "saas", "newsletter"])
def test_a_template_brings_data_and_works_on_it(tmp_path: Path, template: str) -> None:
    started = start(Wanted(tmp_path / "first", None, template))
    assert started is not None
    assert started.left_out == []
    assert all(0 < members < started.contacts for members in started.segments.values()), started.segments
    assert fmt_project(started.root, check=True) == []
    outcomes = [*run_tests(load_specs(started.root))]
    assert outcomes
    assert [str(one) for one in outcomes if not one.passed] == []
    first, second = ticks(started)
    assert first.errors == second.errors == []
    assert {one.segment: one.members for one in first.segments} == started.segments
    assert first.sent.outcomes["mailbox"]["sent"] > 20
    assert {one.flow: one.status for one in second.flows} == dict.fromkeys(started.flows, "active")


def test_a_template_leaves_out_what_the_data_has_nothing_for(tmp_path: Path) -> None:
    started = made(tmp_path, {"customers.csv": PEOPLE, "orders.csv": ORDERS}, template="shop")
    assert sorted(started.flows) == ["welcome", "win_back"]
    assert set(started.segments) == {"new_contacts", "lapsed_buyers", "top_orders"}
    assert "abandoned cart: the data has not an event like cart_add" in started.left_out
    assert "birthday: the data has not a date like birthday" in started.left_out
    assert "include_members" not in (started.root / "flow_specs/welcome.yml").read_text()
    assert [report.errors for report in ticks(started)] == [[], []]


def test_a_template_without_addresses_writes_messages_or_tasks(tmp_path: Path) -> None:
    people = rows("id,joined", "{n},{d}", 20, d=lambda n: ago(n))
    started = made(tmp_path, {"members.csv": people}, template="newsletter")
    assert started.flows == ["welcome"]
    assert "create_task" in (started.root / "flow_specs/welcome.yml").read_text()
    assert [report.errors for report in ticks(started)] == [[], []]
