"""Tokens of a session as authentication of httpx."""

import asyncio
import threading
from collections.abc import AsyncGenerator, Callable, Generator
from dataclasses import dataclass, field

import httpx

from roster_client.problem import ProblemError

REFRESH = "/api/v1/auth/refresh"


@dataclass(frozen=True)
class Tokens:
    """Tokens of a session, which no log shows."""

    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)


class Session(httpx.Auth):
    """Adds the API key or the access token to each request.

    If a token has expired, it is renewed, and the request is sent once more.

    Responses with a status of 400 or above raise `ProblemError`. One refresh runs at a time, since the second use of a
    refresh token ends the session: use a session either from threads or from one event loop.
    """

    def __init__(
        self,
        base_url: str,
        api_key: str | None,
        tokens: Tokens | None,
        on_tokens: Callable[[Tokens | None], None],
    ) -> None:
        self._base_url = base_url.rstrip("/")
        self._api_key = api_key
        self._tokens = tokens
        self._on_tokens = on_tokens
        self._lock = threading.Lock()
        self._async_lock = asyncio.Lock()

    def keep(self, tokens: Tokens | None) -> None:
        """Replaces the tokens; None ends the session of this client."""
        self._tokens = tokens
        self._on_tokens(tokens)

    def sync_auth_flow(
        self, request: httpx.Request
    ) -> Generator[httpx.Request, httpx.Response, None]:
        used = self._sign(request)
        response = yield request
        if response.is_error:
            response.read()
        if used is not None and _is_unauthenticated(response):
            with self._lock:
                if self._tokens == used:
                    refreshed = yield self._refresh(used)
                    refreshed.read()
                    self._accept(refreshed)
            if self._sign(request):
                response = yield request
                if response.is_error:
                    response.read()
        _check(response)

    async def async_auth_flow(
        self, request: httpx.Request
    ) -> AsyncGenerator[httpx.Request, httpx.Response]:
        used = self._sign(request)
        response = yield request
        if response.is_error:
            await response.aread()
        if used is not None and _is_unauthenticated(response):
            async with self._async_lock:
                if self._tokens == used:
                    refreshed = yield self._refresh(used)
                    await refreshed.aread()
                    self._accept(refreshed)
            if self._sign(request):
                response = yield request
                if response.is_error:
                    await response.aread()
        _check(response)

    def _sign(self, request: httpx.Request) -> Tokens | None:
        """Adds the API key, or the access token if there is one. Returns the pair that can be renewed."""
        if self._api_key is not None:
            request.headers["Authorization"] = f"Bearer {self._api_key}"
            return None
        tokens = self._tokens
        if tokens is not None:
            request.headers["Authorization"] = f"Bearer {tokens.access_token}"
        return tokens

    def _refresh(self, tokens: Tokens) -> httpx.Request:
        body = {"refresh_token": tokens.refresh_token}
        return httpx.Request("POST", self._base_url + REFRESH, json=body)

    def _accept(self, response: httpx.Response) -> None:
        """Keeps the new tokens, or none if the session has ended. Other problems leave the tokens as they are."""
        if response.status_code == 401:
            self.keep(None)
            return
        _check(response)
        body = response.json()
        self.keep(Tokens(body["access_token"], body["refresh_token"]))


def _is_unauthenticated(response: httpx.Response) -> bool:
    """Returns True if the token was rejected, and not a password in the request."""
    return response.status_code == 401 and ProblemError(response).code == "unauthenticated"


def _check(response: httpx.Response) -> None:
    if response.is_error:
        raise ProblemError(response)
