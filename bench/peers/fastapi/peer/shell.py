"""Middleware around the app: a request id, headers, counts, and problem documents for failures."""

import logging
import re
from time import perf_counter

from uuid_utils import uuid7

from peer import metrics, problem

SAFE_ID = re.compile(rb"[A-Za-z0-9_.:-]{1,128}")
HEADERS = [
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
]
NO_STORE = (b"cache-control", b"no-store")

log = logging.getLogger("uvicorn.error")


class Shell:
    """An ASGI middleware, without the queue and the task that an HTTP middleware function costs."""

    def __init__(self, app):
        self._app = app

    async def __call__(self, scope, receive, send):
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = perf_counter()
        request_id = read_request_id(scope["headers"])
        scope["request_id"] = request_id.decode()
        scope["rate_headers"] = []
        status = None

        async def send_with_headers(message):
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = message["headers"]
                if not any(name == b"cache-control" for name, _ in headers):
                    headers.append(NO_STORE)
                headers.append((b"x-request-id", request_id))
                headers += HEADERS
                headers += scope["rate_headers"]
            await send(message)

        try:
            await self._app(scope, receive, send_with_headers)
        except Exception:
            log.exception("internal")
            if status is not None:
                raise
            response = problem.internal().response(scope["path"], scope["request_id"])
            await response(scope, receive, send_with_headers)
        route = scope.get("route")
        seconds = perf_counter() - started
        metrics.record(scope["method"], route and route.path, status, seconds)


def read_request_id(headers):
    """The client's X-Request-ID if it is safe to repeat, else a new one."""
    sent = [value for name, value in headers if name == b"x-request-id"]
    if len(sent) == 1 and SAFE_ID.fullmatch(sent[0]):
        return sent[0]
    return str(uuid7()).encode()
