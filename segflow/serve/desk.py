"""Asking the project on behalf of the API: one question at a time, and its errors as answers."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, TypeVar

from fastapi import HTTPException, Response
from fastapi.responses import JSONResponse
from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import FixedWindowRateLimiter

from segflow.errors import InputError, RunError
from segflow.exports.page import Wish, page
from segflow.messages import CONTACT_CHANNELS, ContactChannel
from segflow.outbox.addresses import allowed
from segflow.outbox.api_keys import ApiKey
from segflow.outbox.decisions import acting_as
from segflow.project import Project
from segflow.specs.exports import OWN_COLUMNS, Kind
from segflow.specs.types import parse_instant

RETRY_AFTER = 5
"""Seconds after which a call that met a tick is worth another try."""
WAIT = 20.0
"""Seconds that a call waits for others that read the warehouse."""

Found = TypeVar("Found")


class Desk:
    """Asks the project, one question at a time, and turns its errors into answers."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._one = threading.Lock()
        self._seen: list[tuple[str, int]] | None = None
        self._tests = FixedWindowRateLimiter(MemoryStorage())

    def read(self, ask: Callable[[], Found]) -> Found:
        """Ask something that reads the warehouse, unless a tick has it."""
        with self._alone():
            return ask()

    def rows(self, ask: Callable[[Any], list[dict[str, Any]]]) -> list[dict[str, Any]]:
        with self._project.warehouse() as warehouse:
            warehouse.ensure_tables()
            return ask(warehouse)

    def decide(self, key: ApiKey, decide: Callable[[], Found]) -> Found:
        """Decide something in the name of a key."""
        with self._alone(), acting_as(_named(key)):
            return decide()

    def send_test(
        self, key: ApiKey, flow: str, step: str, to: str, contact: str, channel: ContactChannel | None
    ) -> dict[str, Any]:
        """Send a test of a message to a contact in the name of a key. Returns its row, and what it was meant for."""
        from segflow.decisions.send_test import NotTakenError, hand_over, prepare

        at_most = RateLimitItemPerMinute(self._project.specs.settings.serve.tests_per_minute)
        if not self._tests.hit(at_most, key.name):
            told = f"at most {at_most.amount} tests a minute; wait"
            raise HTTPException(429, told, {"Retry-After": "60"})
        project = self._project
        with self._alone():
            ready = prepare(project, flow, step, to, contact, channel)
            row, delivery = ready.row, project.specs.settings.delivery
            if row["channel"] not in CONTACT_CHANNELS:
                known = ", ".join(CONTACT_CHANNELS)
                raise InputError(f"step {step} of flow {flow}: over the API tests are of messages to contacts: {known}")
            # What is sent says what the contact's attributes are.
            if not key.personal_data and not allowed(delivery.allowlist, row["channel"], row["address"]):
                told = f"key {key.name} has no personal data: its tests go to addresses of delivery.allowlist alone"
                raise HTTPException(403, told)
        # Others need not wait for the provider.
        with acting_as(_named(key)):
            try:
                sent = hand_over(project, ready)
            except NotTakenError as error:
                raise HTTPException(502, str(error)) from error
            except InputError as error:
                raise HTTPException(422, str(error)) from error
        return {**sent.row, "meant": sent.meant, "replaced": sent.replaced}

    def flows(self) -> dict[str, Any]:
        from segflow.decisions import flow_switch
        from segflow.flows import advance

        last = self._project.last_tick()
        if last is None:
            raise InputError("no tick has run yet; run segflow tick")
        rows = self.rows(lambda warehouse: [vars(one) for one in advance.results(warehouse, last.tick_id)])
        paused = flow_switch.pauses(self._project)
        told = [row | {"paused": str(paused[row["flow"]]) if row["flow"] in paused else None} for row in rows]
        return {"tick_id": last.tick_id, "flows": told}

    def page(
        self,
        key: ApiKey,
        kind: Kind,
        segment: str,
        columns: str,
        where: str | None,
        *,
        at: str | None = None,
        since: str | None = None,
        until: str | None = None,
        after: str | None,
        limit: int,
    ) -> Response:
        from segflow.specs.ad_hoc import with_condition

        attributes = self._project.specs.catalog.contacts.attributes
        named = [name.strip() for name in columns.split(",") if name.strip()]
        unknown = [name for name in named if name not in attributes]
        if unknown:
            raise HTTPException(422, f"columns: unknown attribute {unknown[0]}")
        if (named or where is not None) and not key.personal_data:
            raise HTTPException(403, f"columns and where tell of attributes: key {key.name} has no personal data")
        condition = None
        with self._alone():
            specs = self._project.specs
            if where is not None:
                specs, name = with_condition(specs, where, "where")
                condition = specs.segments[name].spec.where  # type: ignore[union-attr]
            wish = Wish(
                segment=segment,
                kind=kind,
                columns=[*OWN_COLUMNS[kind], *named],
                at=at,
                first=instant_of("since", since),
                last=instant_of("until", until),
                where=condition,
                after=after,
                limit=limit,
            )
            with self._project.warehouse() as warehouse:
                warehouse.ensure_tables()
                found = page(specs, warehouse, wish, lambda model: self._project.models.relation(model))
        # Each row is JSON already, with numbers as they are.
        head = {"segment": segment, "tick_id": found.tick_id, "as_of": found.as_of, "next": found.next}
        text = json.dumps(head, default=_plain, ensure_ascii=False)[:-1]
        return Response(f'{text}, "rows": [{",".join(found.lines)}]}}', media_type="application/json")

    @contextmanager
    def _alone(self) -> Iterator[None]:
        if not self._one.acquire(timeout=WAIT):
            raise _busy("others read the warehouse")
        try:
            if self._project.store.leases.look().state == "held":
                raise _busy("a tick is at work")
            self._look_for_edits()
            yield
        except InputError as error:
            raise HTTPException(404 if str(error).startswith("unknown ") else 422, str(error)) from error
        except RunError as error:
            raise _busy(str(error)) from error
        finally:
            self._one.release()

    def _look_for_edits(self) -> None:
        """Read the files again when one has changed."""
        root = self._project.root
        files = [root / "segflow.yml", *root.glob("segment_specs/**/*"), *root.glob("flow_specs/**/*")]
        seen = sorted((str(file), file.stat().st_mtime_ns) for file in files if file.is_file())
        if seen != self._seen:
            self._project.reload()
            self._seen = seen


def _named(key: ApiKey) -> str:
    """Who decides what a key decides."""
    return f"api key {key.name}"


def _busy(why: str) -> HTTPException:
    return HTTPException(503, f"{why}; try again in a moment", {"Retry-After": str(RETRY_AFTER)})


def instant_of(name: str, text: str | None) -> datetime | None:
    """The time that a parameter names, UTC. Raises HTTPException."""
    if text is None:
        return None
    try:
        return parse_instant(text)
    except ValueError:
        raise HTTPException(422, f"{name}: not a time in ISO form, like 2026-03-01T09:00:00Z") from None


def as_json(told: Any) -> JSONResponse:
    """The answer, with times in UTC as members have theirs."""
    return JSONResponse(json.loads(json.dumps(told, default=_plain)))


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        # Times of the warehouse are naive, and UTC.
        aware = value if value.tzinfo else value.replace(tzinfo=UTC)
        return aware.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
    return str(value)
