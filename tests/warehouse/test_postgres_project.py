"""A project on Postgres through real dbt: ticks, what stands on generated tables, rights, limits, kills."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest
import requests
from dagster import DagsterInstance

from segflow.crashpoints import watched
from segflow.dagster.build import build_definitions
from segflow.doctor.examine import examine
from segflow.errors import InputError, RunError
from segflow.project import Project
from segflow.serve.api import PREFIX
from segflow.serve.app import app_of
from tests import postgres_project as made
from tests.postgres import Server
from tests.serve.running import running

REPO = Path(__file__).parents[2]
DAY = {day: datetime(2026, 1, day, tzinfo=UTC) for day in range(1, 32)}


@dataclass
class Shop:
    """A project and its database."""

    root: Path
    url: str

    @property
    def project(self) -> Project:
        return Project(self.root)

    def sql(self, text: str) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.url, autocommit=True, options="-c search_path=public") as connection:
            cursor = connection.execute(text.encode())
            return cursor.fetchall() if cursor.description else []

    def members(self, segment: str) -> list[str]:
        found = self.sql(f"SELECT contact_id FROM segflow.segment_members WHERE segment = '{segment}' ORDER BY 1")
        return [name for (name,) in found]


def make(postgres: Server, root: Path, **files: str) -> Shop:
    url = postgres.new_database()
    made.hostile(url)
    settings = f"name: shop\nengine: postgres\ndelivery: {{store: '{made.beside(url)}'}}\n"
    return Shop(made.make(root, url, seeds=False, **{"segflow.yml": settings, **files}), url)


@pytest.fixture(scope="module")
def shop(postgres: Server, tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """One that has lived a tick, and lives on from test to test: a first tick takes seconds."""
    shop = make(postgres, tmp_path_factory.mktemp("shop"))
    project = shop.project
    report = project.tick(DAY[11], send=True)
    assert not report.errors
    return shop


def test_the_first_tick(shop: Shop) -> None:
    assert shop.members("tea_lovers") == ["ana", "ben"]
    assert shop.members("big_spenders") == ["ana", "cleo"]
    assert shop.members("umlauts") == ["ben", "cleo"]
    assert shop.members(made.LONG) == ["ana", "ben", "cleo"]
    assert shop.sql("SELECT contact_id, outcome FROM segflow.deliveries ORDER BY 1") == [
        ("ana", "sent"),
        ("ben", "sent"),
    ]
    assert shop.sql("SELECT count(*) FROM segflow_delivery.messages")[0][0] == 2


def test_what_stands_on_generated_tables_stays(shop: Shop) -> None:
    shop.sql("CREATE VIEW public.mine AS SELECT contact_id, city FROM segflow.contacts")
    shop.sql("CREATE VIEW public.theirs AS SELECT contact_id FROM segflow.segment__tea_lovers")
    shop.sql("DROP ROLE IF EXISTS reader")
    shop.sql("CREATE ROLE reader")
    shop.sql("GRANT SELECT ON segflow.contacts TO reader")
    before = shop.sql("SELECT 'segflow.contacts'::regclass::oid")
    report = shop.project.tick(DAY[12])
    assert not report.errors
    assert shop.sql("SELECT 'segflow.contacts'::regclass::oid") == before
    assert shop.sql("SELECT has_table_privilege('reader', 'segflow.contacts', 'SELECT')") == [(True,)]
    assert len(shop.sql("SELECT * FROM public.mine")) == 4
    assert shop.sql("SELECT * FROM public.theirs") == [("ana",), ("ben",)]
    assert shop.sql("SELECT DISTINCT tick_id FROM segflow.model_builds") == [("20260112T000000Z",)]
    shop.sql("DROP VIEW public.mine, public.theirs")


def test_facts_are_patched(postgres: Server, tmp_path: Path) -> None:
    shop = make(postgres, tmp_path)
    shop.sql("ALTER TABLE raw.orders ADD arrived_at timestamptz DEFAULT '2026-01-11 00:00+00'")
    staged = next(shop.root.rglob("stg_orders.sql"))
    staged.write_text(staged.read_text().replace("payload from", "payload, arrived_at from"))
    catalog = shop.root / "segment_specs/catalog.yml"
    told = catalog.read_text().replace("at: ordered_at\n", "at: ordered_at\n    arrived_at: arrived_at\n")
    catalog.write_text(told.replace("created_at: ordered_at,", "created_at: ordered_at, arrived_at: arrived_at,"))
    settings = shop.root / "segflow.yml"
    settings.write_text(settings.read_text() + "facts: {verify_every: 3}\n")
    models = {"facts__event_purchase": "first build", "facts__object_order": "first build"}
    assert models.items() <= shop.project.tick(DAY[11]).facts.items()
    shop.sql("INSERT INTO raw.orders (order_id, customer_id, ordered_at, amount, payload, arrived_at) VALUES"
             " ('o9', 'cleo', '2026-01-09', 7, '{\"category\": \"Tea\"}', '2026-01-11 12:00+00')")  # fmt: skip
    report = shop.project.tick(DAY[12])
    assert not report.errors
    assert dict.fromkeys(models, "").items() <= report.facts.items()
    assert report.memberships == ""
    assert shop.sql("SELECT model, touched FROM segflow.model_builds WHERE reason IS NULL ORDER BY 1") == [
        ("facts__event_purchase", 1),
        ("facts__object_order", 1),
        ("membership_masks", 1),
    ]
    assert shop.members("tea_lovers") == ["ana", "ben", "cleo"]
    assert {tick for (tick,) in shop.sql("SELECT tick_id FROM segflow.facts__event_purchase")} == {
        "20260111T000000Z",
        "20260112T000000Z",
    }
    shop.sql("INSERT INTO raw.orders (order_id, customer_id, ordered_at, amount, payload, arrived_at) VALUES"
             " ('o8', 'cleo', '2026-01-09', 7, '{\"category\": \"Tea\"}', '2026-01-12 12:00+00')")  # fmt: skip
    assert verified(shop) == ("fine", [])
    shop.sql("DELETE FROM raw.orders WHERE order_id = 'o8'")
    shop.sql("UPDATE raw.orders SET customer_id = 'dora' WHERE order_id = 'o3'")  # without a new arrival
    assert verified(shop) == ("found", [f"2 rows of {model} are not what they are in full" for model in models])
    assert not shop.project.tick(DAY[13]).errors
    report = shop.project.tick(DAY[14])
    assert [error.split()[1] for error in report.errors] == list(models)
    assert shop.sql("SELECT count(*) FROM segflow.facts__object_order WHERE contact_id = 'dora'") == [(1,)]


def verified(shop: Shop) -> tuple[str, list[str]]:
    """What `segflow doctor --verify` says of facts."""
    [found] = [one for one in examine(shop.root, verify=True) if one.check == "facts"]
    return found.state, [finding.what for finding in found.findings]


def test_other_columns_make_another_table_and_our_views_again(shop: Shop) -> None:
    catalog = shop.root / "segment_specs/catalog.yml"
    catalog.write_text(catalog.read_text().replace("wants: boolean}", "wants: boolean, signed_up_at: timestamp}"))
    views = "SELECT viewname FROM pg_views WHERE schemaname = 'segflow' AND viewname LIKE 'segment\\_\\_%' ORDER BY 1"
    before = shop.sql(views)
    report = shop.project.tick(DAY[14])
    assert not report.errors
    assert shop.sql(views) == before
    assert len(before) == 4
    assert shop.sql("SELECT count(signed_up_at) FROM segflow.contacts") == [(4,)]
    assert shop.sql("SELECT contact_id FROM segflow.segment__tea_lovers") == [("ben",)]


def test_a_query_that_runs_too_long_is_stopped(shop: Shop) -> None:
    settings = shop.root / "segflow.yml"
    settings.write_text(settings.read_text() + "sql_segments: {timeout: 1 second}\n")
    crossed = " cross join ".join(f"{{{{ ref('stg_orders') }}}} as t{number}" for number in range(16))
    slow = shop.root / "segment_specs/slow.sql"
    slow.write_text(f"select t0.contact_id from {crossed} group by t0.contact_id having count(*) > 1\n")
    report = shop.project.tick(DAY[15])
    slow.unlink()
    assert [error for error in report.errors if "slow" in error] == report.errors
    assert "ran longer than 1 second" in report.errors[0]
    assert shop.members("umlauts") == ["ben", "cleo"]


def test_a_segment_whose_query_fails_is_stale_and_says_why(shop: Shop) -> None:
    wrong = shop.root / "segment_specs/wrong.sql"
    wrong.write_text("select contact_id from {{ ref('stg_orders') }} where amount / (amount - amount) > 1\n")
    report = shop.project.tick(DAY[16])
    wrong.unlink()
    assert report.errors == ["segment wrong is stale: segment_specs/wrong.sql: division by zero"]


def test_dbt_by_hand_builds_what_the_last_tick_saw(shop: Shop) -> None:
    shop.project.tick(DAY[17])
    asked = "SELECT to_jsonb(facts) - 'tick_id' FROM segflow.facts__event_purchase AS facts ORDER BY contact_id"
    before = shop.sql(asked)
    command = [Path(sys.executable).with_name("dbt"), "build", "--quiet", "--profiles-dir", "."]
    done = subprocess.run(command, cwd=shop.root / "dbt", capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert shop.sql(asked) == before
    assert shop.sql("SELECT DISTINCT tick_id FROM segflow.facts__event_purchase") == [("20260117T000000Z",)]
    assert shop.sql("SELECT count(*) FROM segflow.model_builds") == [(0,)]


def test_dagster_runs_a_tick(shop: Shop) -> None:
    job = build_definitions(shop.project).resolve_job_def("tick")
    told = {"ops": {"ingest": {"config": {"as_of": DAY[18].isoformat()}}}}
    with DagsterInstance.ephemeral() as instance:
        assert job.execute_in_process(instance=instance, run_config=told, raise_on_error=False).success
    assert shop.sql("SELECT max(tick_id), count(*) FROM segflow.ticks WHERE status <> 'done'") == [(None, 0)]
    assert shop.sql("SELECT max(tick_id) FROM segflow.ticks") == [("20260118T000000Z",)]


def test_the_api_answers(shop: Shop) -> None:
    project = shop.project
    key = project.store.api_keys.add("desk", "analyst", personal_data=True)
    with running(app_of(project)) as url:

        def get(path: str, **query: str) -> Any:
            headers = {"Authorization": f"Bearer {key}"}
            found = requests.get(url + PREFIX + path, params=query, headers=headers, timeout=30)
            assert found.status_code == 200, found.text
            return found.json()

        rows = get("/segments/umlauts/members", columns="city", where="{attribute: city, contains: K}")["rows"]
        assert [(row["contact_id"], row["city"]) for row in rows] == [("ben", "Köln")]
        assert get("/segments/tea_lovers/explain/ana", as_of="2026-01-11")["member"] is True
    project.store.close()


def test_a_role_that_may_little(postgres: Server, tmp_path: Path) -> None:
    """What docs/ENGINES.md says that a role needs is enough."""
    shop = make(postgres, tmp_path)
    shop.sql("DROP ROLE IF EXISTS marketing")
    name = shop.url.rpartition("/")[2]
    for grant in (
        "CREATE ROLE marketing LOGIN",
        f"REVOKE ALL ON DATABASE {name} FROM PUBLIC",
        f"GRANT CONNECT, TEMPORARY ON DATABASE {name} TO marketing",
        "CREATE SCHEMA segflow AUTHORIZATION marketing",
        "CREATE SCHEMA shop AUTHORIZATION marketing",
        "CREATE SCHEMA shop_segflow AUTHORIZATION marketing",
        "GRANT USAGE ON SCHEMA raw TO marketing",
        "GRANT SELECT ON ALL TABLES IN SCHEMA raw TO marketing",
    ):
        shop.sql(grant)
    (tmp_path / "dbt/profiles.yml").write_text(made.profile(shop.url, user="marketing"))
    assert not shop.project.tick(DAY[11]).errors
    assert shop.members("tea_lovers") == ["ana", "ben"]
    shop.sql("REVOKE SELECT ON raw.orders FROM marketing")
    with pytest.raises(
        RunError, match=r"cannot be built: the warehouse d.* cannot be used: permission denied for table orders"
    ):
        shop.project.tick(DAY[12])
    shop.sql("GRANT SELECT ON raw.orders TO marketing")
    assert shop.project.tick(DAY[12]).resumed
    shop.sql("DROP OWNED BY marketing CASCADE")
    shop.sql("DROP ROLE marketing")


def test_a_server_that_cannot_be_reached(postgres: Server, tmp_path: Path) -> None:
    shop = make(postgres, tmp_path)
    (tmp_path / "dbt/profiles.yml").write_text(made.profile(shop.url, port=1, password="p4ssw0rd"))
    with pytest.raises(InputError, match=r"cannot open the warehouse d\d+ on 127.0.0.1: .*refused") as error:
        shop.project.tick(DAY[11])
    assert "p4ssw0rd" not in str(error.value)


def test_a_database_of_another_encoding(postgres: Server, tmp_path: Path) -> None:
    shop = make(postgres, tmp_path)
    shop.sql("CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0")
    (tmp_path / "dbt/profiles.yml").write_text(made.profile(shop.url, dbname="latin"))
    with pytest.raises(InputError, match="its encoding is LATIN1, and names of people need UTF8"):
        shop.project.tick(DAY[11])
    shop.sql("DROP DATABASE latin")


class Twice:
    """The same tick in a project that nothing happens to, and in copies of it."""

    def __init__(self, postgres: Server, folder: Path) -> None:
        self.postgres, self.folder = postgres, folder
        first = make(postgres, folder / "first")
        project = first.project
        project.tick(DAY[11], send=True)
        project.store.close()  # nobody may be in a database that is copied
        self.first, self.copies = first, 0
        whole = self.copy()
        whole.project.tick(DAY[13], send=True)
        self.wanted = made.ledgers(whole.url)

    def copy(self) -> Shop:
        self.copies += 1
        name, old = f"copy{os.getpid()}_{self.copies}", self.first.url
        with psycopg.connect(f"{old.rpartition('/')[0]}/postgres", autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE {old.rpartition('/')[2]}".encode())
        url = f"{old.rpartition('/')[0]}/{name}"
        made.hostile(url)
        root = self.folder / name
        subprocess.run(["cp", "-r", self.first.root, root], check=True)
        (root / "dbt/profiles.yml").write_text(made.profile(url))
        (root / "segflow.yml").write_text((root / "segflow.yml").read_text().replace(old, url))
        return Shop(root, url)


@pytest.fixture(scope="module")
def twice(postgres: Server, tmp_path_factory: pytest.TempPathFactory) -> Twice:
    return Twice(postgres, tmp_path_factory.mktemp("twice"))


@pytest.mark.parametrize("place", ["dbt.model_done:2", "cross.committed", "advance.committed"])
def test_a_killed_tick_is_resumed(twice: Twice, place: str) -> None:
    shop = twice.copy()
    command = [Path(sys.executable).with_name("segflow"), "tick", "--as-of", "2026-01-13"]
    killed = subprocess.run(
        command, cwd=shop.root, env={**os.environ, "SEGFLOW_CRASH": place}, capture_output=True, text=True, check=False
    )
    assert killed.returncode == -signal.SIGKILL, killed.stdout + killed.stderr
    assert shop.project.tick(DAY[13], send=True).resumed
    assert made.ledgers(shop.url) == twice.wanted


_DIES_INSIDE = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from segflow.project import Project
from tests.crash.statements import die_before
die_before(sys.argv[2], int(sys.argv[3]))
Project(Path(sys.argv[1])).tick(datetime(2026, 1, 13, tzinfo=UTC), send=True)
"""


def test_killed_inside_models(twice: Twice) -> None:
    """One tick, killed inside the build of one table after the other: the note is away, the rows are other ones."""
    shop = twice.copy()
    for words, turn in (("segflow_fresh_", 1), ("insert into segflow.model_builds", 2), ("segflow_touched_", 1)):
        command = [sys.executable, "-c", _DIES_INSIDE, shop.root, words, str(turn)]
        killed = subprocess.run(command, cwd=REPO, capture_output=True, text=True, check=False)
        assert killed.returncode == -signal.SIGKILL, (words, killed.stdout + killed.stderr)
    assert shop.project.tick(DAY[13], send=True).resumed
    assert made.ledgers(shop.url) == twice.wanted


def cut_off(postgres: Server, shop: Shop) -> None:
    """End every session of the database but this one."""
    shop.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() "
             "AND pid <> pg_backend_pid()")  # fmt: skip


def restart(postgres: Server, shop: Shop) -> None:
    postgres.stop()
    postgres.start()


@pytest.mark.parametrize(
    ("happens", "place"),
    [
        pytest.param(cut_off, "dbt.model_done", id="cut off from dbt"),
        pytest.param(cut_off, "advance.before_commit", id="cut off before a commit"),
        pytest.param(restart, "dbt.model", id="restarted under dbt"),
        pytest.param(restart, "cross.before_commit", id="restarted before a commit"),
    ],
)
def test_a_server_that_goes_away_is_no_segments_fault(
    postgres: Server, twice: Twice, happens: Callable[[Server, Shop], None], place: str
) -> None:
    shop, passed = twice.copy(), []

    def reached(name: str) -> None:
        passed.append(name)
        if name == place and passed.count(name) == 1:
            happens(postgres, shop)

    with watched(reached), pytest.raises((RunError, InputError)):
        shop.project.tick(DAY[13], send=True)
    assert place in passed, sorted(set(passed))
    report = shop.project.tick(DAY[13], send=True)
    assert report.resumed
    assert not report.errors
    assert made.ledgers(shop.url) == twice.wanted


def test_a_target_of_somebody_elses_in_the_same_database(postgres: Server, tmp_path: Path) -> None:
    """Whoever builds the models elsewhere, with no rights on segflow's tables but to read them, takes no notes away."""
    shop = make(postgres, tmp_path)
    for day in (11, 12):
        assert not shop.project.tick(DAY[day]).errors
    noted = shop.sql("SELECT model, tick_id FROM segflow.model_builds ORDER BY 1")
    there = shop.sql("SELECT * FROM segflow.contacts ORDER BY contact_id")
    assert noted
    shop.sql("DROP ROLE IF EXISTS developer")
    for grant in (
        "CREATE ROLE developer LOGIN",
        "CREATE SCHEMA dev AUTHORIZATION developer",
        "CREATE SCHEMA dev_segflow AUTHORIZATION developer",
        *(f"GRANT USAGE ON SCHEMA {schema} TO developer" for schema in ("raw", "segflow")),
        *(f"GRANT SELECT ON ALL TABLES IN SCHEMA {schema} TO developer" for schema in ("raw", "segflow")),
    ):
        shop.sql(grant)
    asked = [sys.executable, "-m", "segflow", "--project-dir", str(tmp_path), "vars", "--as-of", "2026-01-10"]
    moment = subprocess.run(asked, capture_output=True, text=True, check=True).stdout
    (tmp_path / "dbt/profiles.yml").write_text(made.profile(shop.url, user="developer", schema="dev"))
    command = [str(Path(sys.executable).with_name("dbt")), "build", "--quiet", "--profiles-dir", "."]
    for told, tick in (([], "20260112T000000Z"), (["--vars", moment], "manual_20260110T000000Z")):
        done = subprocess.run([*command, *told], cwd=tmp_path / "dbt", capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout
        assert shop.sql("SELECT tick_id, count(*) FROM dev_segflow.contacts GROUP BY 1") == [(tick, 4)]
    assert shop.sql("SELECT model, tick_id FROM segflow.model_builds ORDER BY 1") == noted
    assert shop.sql("SELECT * FROM segflow.contacts ORDER BY contact_id") == there
