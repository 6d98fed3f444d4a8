"""The app of `segflow serve`: what answers where."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from fastapi.responses import PlainTextResponse
from starlette.types import ASGIApp

from segflow import senders
from segflow.messages import CONTACT_CHANNELS
from segflow.outbox.links import Links
from segflow.outbox.spool import Spool
from segflow.project import Project
from segflow.serve.api import PREFIX, router_of
from segflow.serve.callbacks import Ear, callback_routes
from segflow.serve.limits import Place, guarded
from segflow.serve.links import link_routes
from segflow.serve.spooling import GroupWriter

log = logging.getLogger(__name__)


def app_of(project: Project, place: Place | None = None) -> ASGIApp:
    """The ASGI app of a project, within its limits. Raises SpecError and ConfigurationError.

    Its files are read once: start it again after an edit of segflow.yml.
    """
    settings = project.specs.settings
    return guarded(bare_app(project), settings.serve, place or Place())


def bare_app(project: Project) -> FastAPI:
    """The app without limits."""
    settings = project.specs.settings
    writer = GroupWriter(Spool(project.spool_path))
    ears = {
        name: Ear(senders.build(name, one.model_dump(), project.root))
        for name, one in settings.all_senders().items()
        if senders.sender_class(one.type).receives
    }

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        writer.start()
        yield
        for ear in ears.values():
            ear.close()
        writer.close()

    app = FastAPI(
        title="segflow", lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url=f"{PREFIX}/openapi.json"
    )
    app.state.project = project
    app.router.redirect_slashes = False
    catalog = project.specs.catalog
    channels = catalog.contacts.channels
    reached = [channel for channel in CONTACT_CHANNELS if channels.of(channel) is not None]
    app.include_router(callback_routes(ears, writer, settings.delivery.public_url), include_in_schema=False)
    links = link_routes(Links.of(settings.delivery), writer, reached, catalog.topics)
    app.include_router(links, include_in_schema=False)
    app.include_router(router_of(project))

    @app.get("/health", include_in_schema=False)
    async def health() -> PlainTextResponse:
        return PlainTextResponse("ok")

    return app
