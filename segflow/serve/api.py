"""The HTTP API: what the command line shows, for programs, and what people may decide from elsewhere.

Every call needs a key (`segflow api-key add`), has the rights of that key's role, and leaves a row in `api_calls` of
the delivery store. While a tick is at work the warehouse is locked, and what would read it is answered with 503.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Depends, HTTPException, Path, Query, Request, Response, Security
from fastapi.concurrency import run_in_threadpool
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BaseModel, ConfigDict, Field

from segflow.messages import ContactChannel
from segflow.outbox.api_keys import ApiKey, Role
from segflow.project import Project
from segflow.serve.desk import Desk, as_json, instant_of

PREFIX = "/api/v1"
MAX_ROWS = 10_000

_BEARER = HTTPBearer(auto_error=False, description="A key that `segflow api-key add` made")
_Segment = Annotated[str, Path(max_length=60, pattern="^[a-z][a-z0-9_]*$")]
_Flow = _Segment
_Contact = Annotated[str, Path(min_length=1, max_length=1000)]
_Limit = Annotated[int, Query(ge=1, le=MAX_ROWS, description="Rows of a page.")]
_After = Annotated[str | None, Query(max_length=2000, description="`next` of the page before.")]
_Moment = Annotated[str | None, Query(max_length=40, description="A time in ISO form; without an offset in UTC.")]
_At = Annotated[str | None, Query(max_length=40, description="A tick's id, or a time: the last tick by then.")]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Why(_Body):
    """Why somebody decides something."""

    reason: Annotated[str, Field(min_length=1, max_length=500)]


class Retrigger(Why):
    """Whom to offer to a flow again: the members of the segments that trigger it, of one of them, or contacts."""

    segment: str | None = None
    contacts: Annotated[list[str], Field(min_length=1, max_length=100_000)] | None = None
    ignore_reentry: bool = False


class SendTest(_Body):
    """To whom a test of a message goes, for which contact it is written, and by which of its channels."""

    to: Annotated[str, Field(min_length=1, max_length=1000)]
    contact: Annotated[str, Field(min_length=1, max_length=1000)]
    channel: ContactChannel | None = None


class Release(Why):
    """What a guard holds and may pass at the next tick."""

    segments: list[str] = Field(default_factory=list)
    flows: list[str] = Field(default_factory=list)
    contacts: bool = False


def _caller(request: Request, given: Annotated[HTTPAuthorizationCredentials | None, Security(_BEARER)]) -> ApiKey:
    """The key of a call. It is kept with the request, too, for the row that the call leaves."""
    project: Project = request.app.state.project
    key = project.store.api_keys.find(given.credentials) if given is not None else None
    request.state.api_key = key
    if key is None:
        told = "no key: send Authorization: Bearer KEY, with a key that `segflow api-key add` made"
        told = told if given is None else "this key is not known, or was revoked"
        raise HTTPException(401, told, {"WWW-Authenticate": "Bearer"})
    return key


Caller = Annotated[ApiKey, Depends(_caller)]


def _needs(role: Role) -> Any:
    def check(key: Caller) -> ApiKey:
        if not key.may(role):
            raise HTTPException(403, f"this needs a key of role {role}; key {key.name} is of role {key.role}")
        return key

    return Depends(check)


Marketer = Annotated[ApiKey, _needs("marketer")]
Operator = Annotated[ApiKey, _needs("operator")]


class _Noted(APIRoute):
    """A route whose calls leave a row each, whatever was answered."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        answer = super().get_route_handler()

        async def noted(request: Request) -> Response:
            status = 500
            try:
                response = await answer(request)
                status = response.status_code
                return response
            except HTTPException as error:
                status = error.status_code
                raise
            except RequestValidationError:
                status = 422
                raise
            finally:
                await run_in_threadpool(_note, request, status)

        return noted


def _note(request: Request, status: int) -> None:
    project: Project = request.app.state.project
    project.store.api_keys.note(
        key=getattr(request.state, "api_key", None),
        client=request.client.host if request.client else None,
        method=request.method,
        path=request.url.path,
        status=status,
    )


def router_of(project: Project) -> APIRouter:
    """The routes of the API for one project, which the app has as `state.project`, too."""
    desk = Desk(project)
    router = APIRouter(prefix=PREFIX, tags=["api"], route_class=_Noted)

    @router.get("/segments")
    def segments(key: Caller) -> Response:
        """The segments after the last tick: size, change, owner, status."""
        last, found = desk.read(lambda: project.segments())
        return as_json({"tick_id": last, "segments": [vars(one) for one in found]})

    @router.get("/segments/{segment}/members")
    def members(
        key: Caller,
        segment: _Segment,
        at: _At = None,
        columns: Annotated[str, Query(max_length=4000, description="Attributes, by commas.")] = "",
        where: Annotated[str | None, Query(max_length=20_000, description="A condition, as in a segment file.")] = None,
        after: _After = None,
        limit: _Limit = 1000,
    ) -> Response:
        """The members of a segment, now or as of an earlier tick; attributes are as they are now."""
        return desk.page(key, "members", segment, columns, where, at=at, after=after, limit=limit)

    @router.get("/segments/{segment}/entries")
    def entries(
        key: Caller,
        segment: _Segment,
        since: _Moment = None,
        until: _Moment = None,
        columns: Annotated[str, Query(max_length=4000)] = "",
        after: _After = None,
        limit: _Limit = 1000,
    ) -> Response:
        """Who entered a segment in [since, until), with the cause."""
        return desk.page(key, "entered", segment, columns, None, since=since, until=until, after=after, limit=limit)

    @router.get("/segments/{segment}/exits")
    def exits(
        key: Caller,
        segment: _Segment,
        since: _Moment = None,
        until: _Moment = None,
        columns: Annotated[str, Query(max_length=4000)] = "",
        after: _After = None,
        limit: _Limit = 1000,
    ) -> Response:
        """Who exited a segment in [since, until), with the cause."""
        return desk.page(key, "exited", segment, columns, None, since=since, until=until, after=after, limit=limit)

    @router.get("/segments/{segment}/explain/{contact}")
    def explain(key: Caller, segment: _Segment, contact: _Contact, as_of: _Moment = None) -> Response:
        """Why a contact is in a segment or not. What the conditions found needs a key with personal data."""
        moment = instant_of("as_of", as_of)
        told = asdict(desk.read(lambda: project.explain(segment, contact, moment)))
        return as_json(told if key.personal_data else _without_values(told))

    @router.get("/contacts/{contact}/segments")
    def segments_of(key: Caller, contact: _Contact) -> Response:
        """The segments that a contact is in, with since when."""
        from segflow.history.members import memberships_of

        rows = desk.read(lambda: desk.rows(lambda warehouse: memberships_of(warehouse, contact)))
        return as_json({"contact_id": contact, "segments": rows})

    @router.get("/contacts/{contact}/messages")
    def messages_of(key: Caller, contact: _Contact) -> Response:
        """What was sent to a contact, or was not and why, by tick; the text after a reason's first word needs a key
        with personal data."""
        found = desk.read(lambda: project.trace(contact))
        rows = [
            {
                name: getattr(one, name)
                for name in ("at", "tick_id", "flow", "step", "channel", "action", "reason", "sender", "message_id")
            }
            for one in found.rows
            if one.kind == "message"
        ]
        if not key.personal_data:
            rows = [row | {"reason": row["reason"].partition(":")[0] if row["reason"] else None} for row in rows]
        return as_json({"contact_id": contact, "messages": rows, "waiting": found.waiting})

    @router.get("/flows")
    def flows(key: Caller) -> Response:
        """The flows after the last tick: enrolled, active, ended, planned; and who has paused one since."""
        return as_json(desk.read(desk.flows))

    @router.get("/flows/{flow}")
    def flow_of(key: Caller, flow: _Flow) -> Response:
        """A flow as the file has it, with how many contacts stand at each step."""
        return as_json(desk.read(lambda: asdict(project.picture(flow))))

    @router.post("/flows/{flow}/pause")
    def pause(key: Marketer, flow: _Flow, body: Why) -> Response:
        """Stop a flow at once, until it is resumed."""
        return as_json(desk.decide(key, lambda: project.pause(flow, body.reason)))

    @router.post("/flows/{flow}/resume")
    def resume(key: Marketer, flow: _Flow, body: Why) -> Response:
        """Let a flow go on that somebody has paused."""
        return as_json(desk.decide(key, lambda: project.resume(flow, body.reason)))

    @router.post("/flows/{flow}/retrigger")
    def retrigger(key: Marketer, flow: _Flow, body: Retrigger) -> Response:
        """Let the next tick offer contacts to a flow again."""
        order = desk.decide(
            key,
            lambda: project.retrigger(flow, body.segment, body.contacts, body.ignore_reentry, body.reason),
        )
        return as_json(asdict(order))

    @router.post("/flows/{flow}/steps/{step}/test")
    def send_test(key: Marketer, flow: _Flow, step: _Flow, body: SendTest) -> Response:
        """Send the message of a step for one contact to an address of yours, marked as a test. A key without personal
        data sends to addresses of `delivery.allowlist` alone."""
        return as_json(desk.send_test(key, flow, step, body.to, body.contact, body.channel))

    @router.post("/release")
    def release(key: Operator, body: Release) -> Response:
        """Let what a guard holds pass at the next tick, once."""
        rows = desk.decide(key, lambda: project.release(body.segments, body.flows, body.contacts, body.reason))
        return as_json({"released": rows})

    @router.post("/rebuild")
    def rebuild(key: Operator, body: Why) -> Response:
        """Make a lost or damaged warehouse again from its ledger files. It answers when it is done."""
        return as_json(asdict(desk.decide(key, lambda: project.rebuild())))

    @router.get("/calls")
    def calls(key: Operator, limit: _Limit = 100) -> Response:
        """The last calls of this API, the latest first."""
        return as_json({"calls": project.store.api_keys.calls(limit)})

    return router


def _without_values(told: dict[str, Any]) -> dict[str, Any]:
    """An explanation without what the conditions found."""

    def bare(answer: dict[str, Any]) -> dict[str, Any]:
        # What a warehouse says of a query that fails may quote a value.
        why = answer["unsaid"] and answer["unsaid"].partition(":")[0]
        parts = [bare(one) for one in answer["parts"]]
        return answer | {"found": {}, "rows": [], "unsaid": why, "parts": parts}

    return told | {"answer": bare(told["answer"]), "kept_out_by": [bare(one) for one in told["kept_out_by"]]}
