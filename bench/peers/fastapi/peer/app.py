"""The app of one worker: shared state of requests, and the routes."""

from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from fastapi import FastAPI, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from peer import login, problem, users
from peer.answer import json_response
from peer.cache import Cache
from peer.fingerprint import CursorKey, FingerprintKey
from peer.passwords import Passwords
from peer.settings import Settings
from peer.shell import Shell
from peer.store import Store
from peer.tokens import Tokens


@dataclass(frozen=True)
class Services:
    """Shared state of requests."""

    settings: Settings
    store: Store
    cache: Cache
    tokens: Tokens
    passwords: Passwords
    cursors: CursorKey
    addresses: FingerprintKey
    emails: FingerprintKey


@asynccontextmanager
async def lifespan(app):
    settings = Settings.read()
    root = settings.cursor_key
    services = Services(
        settings=settings,
        store=await Store.connect(settings),
        cache=Cache(settings),
        tokens=Tokens(settings),
        passwords=Passwords(settings.hash_slots),
        cursors=CursorKey(root),
        addresses=FingerprintKey(root, b"address"),
        emails=FingerprintKey(root, b"login email"),
    )
    app.state.services = services
    yield
    await services.cache.close()
    await services.store.close()


def create():
    """The app of one worker."""
    app = FastAPI(lifespan=lifespan, openapi_url=None, redirect_slashes=False)
    app.add_middleware(Shell)
    problem.add_handlers(app)
    app.include_router(users.router)
    app.include_router(login.router)

    @app.get("/api/v1/health/live")
    async def live():
        return report("alive")

    @app.get("/api/v1/health/ready")
    async def ready(request: Request):
        """Postgres must respond. Without Redis the API is slower, but ready."""
        services = request.app.state.services
        await services.store.ping()
        return report("ready" if await services.cache.ping() else "degraded")

    @app.get("/metrics")
    async def metrics():
        """Metrics of the worker that responds."""
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)

    return app


def report(status):
    now = datetime.now(UTC)
    body = {"status": status, "service": "peer-fastapi", "version": "0.1.0", "timestamp": now}
    return json_response(200, body, {})
