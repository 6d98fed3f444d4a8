"""`/callbacks/NAME`: what a provider tells sender NAME. Verified over the raw bytes, durable before it is answered."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

from fastapi import APIRouter, Request, Response

from segflow.outbox.spool import Call
from segflow.senders.base import Sender
from segflow.senders.callbacks import Callback, CallbackAnswer, RefusedCallbackError
from segflow.serve.spooling import FullError, GroupWriter

log = logging.getLogger(__name__)


class Ear:
    """One sender that is called. A thread of its own: senders are used by one thread at a time, and one that fetches a
    certificate keeps none of the others waiting."""

    def __init__(self, sender: Sender) -> None:
        self._sender = sender
        self.taken = sender.taken
        self._thread = ThreadPoolExecutor(1, f"callbacks-{sender.name}")

    async def judge(self, callback: Callback) -> CallbackAnswer | None:
        """The answer to a challenge; None for a verified call that tells something. Raises RefusedCallbackError."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._judge, callback)

    def _judge(self, callback: Callback) -> CallbackAnswer | None:
        answer = self._sender.answer(callback)
        if answer is None:
            self._sender.verify(callback)
        return answer

    def close(self) -> None:
        self._thread.shutdown(wait=False, cancel_futures=True)
        self._sender.close()


def callback_routes(ears: Mapping[str, Ear], writer: GroupWriter, public_url: str | None) -> APIRouter:
    """The routes. `public_url`: what providers call, and sign, may be another address than the server sees."""
    router = APIRouter(include_in_schema=False)

    @router.api_route("/callbacks/{name}", methods=["GET", "POST"])
    async def called(name: str, request: Request) -> Response:
        ear = ears.get(name)
        if ear is None:
            return _plain(404)
        callback = Callback(
            method=request.method,
            url=url_of(request, public_url),
            headers=headers_of(request),
            body=await request.body(),
            received_at=datetime.now(UTC),
        )
        try:
            answer = await ear.judge(callback)
        except RefusedCallbackError as refused:
            log.warning("a call to sender %s was refused: %s", name, refused.reason)
            return _plain(403)
        except Exception as error:
            # A defect of the sender, or of what it asks. Its words may hold what the call held.
            log.error("sender %s failed on a call: %s", name, type(error).__name__)
            return _plain(500)
        if answer is not None:
            return _told(answer)
        record = Call(sender=name, **vars(callback))
        try:
            await writer.keep(record, len(callback.body))
        except FullError:
            return _plain(503, {"retry-after": "10"})
        return _told(ear.taken)

    return router


def headers_of(request: Request) -> dict[str, str]:
    """The headers by name in lower case; those that stand there several times in one."""
    found: dict[str, str] = {}
    for name, value in request.headers.items():
        found[name] = f"{found[name]}, {value}" if name in found else value
    return found


def url_of(request: Request, public_url: str | None) -> str:
    """The URL as the provider called it."""
    path = request.scope.get("raw_path", b"").decode("latin-1") or request.scope["path"]
    query = request.scope["query_string"].decode("latin-1")
    base = public_url.rstrip("/") if public_url else f"{request.url.scheme}://{request.url.netloc}"
    return f"{base}{path}{'?' if query else ''}{query}"


def _told(answer: CallbackAnswer) -> Response:
    return Response(answer.body, answer.status, media_type=answer.content_type)


def _plain(status: int, headers: Mapping[str, str] | None = None) -> Response:
    return Response(status_code=status, headers=dict(headers or {}), media_type="text/plain")
