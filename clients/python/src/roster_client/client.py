"""Entry point of the client."""

from collections.abc import Callable, Iterator
from typing import Any, TypeVar, overload

import httpx

from roster_client.openapi import Client
from roster_client.openapi.api.auth import login, logout
from roster_client.openapi.models import (
    Event,
    EventList,
    Login,
    ServiceAccount,
    ServiceAccountList,
    SessionList,
    User,
    UserList,
)
from roster_client.openapi.models import Session as UserSession
from roster_client.openapi.types import Response
from roster_client.problem import ProblemError
from roster_client.session import Session, Tokens

T = TypeVar("T")


class Roster:
    """A server, and the session with it, or the key of a service account.

    `on_tokens` receives each new pair of tokens as soon as there is one, and None when the session has ended. Store the
    pair: a refresh token works once.
    """

    def __init__(
        self,
        base_url: str,
        *,
        api_key: str | None = None,
        tokens: Tokens | None = None,
        on_tokens: Callable[[Tokens | None], None] = lambda tokens: None,
        timeout: float = 45.0,
    ) -> None:
        self._session = Session(base_url, api_key, tokens, on_tokens)
        #: Argument `client` of the operations in `roster_client.openapi.api`.
        self.api = Client(
            base_url.rstrip("/"),
            timeout=httpx.Timeout(timeout),
            httpx_args={"auth": self._session},
        )

    def login(self, email: str, password: str) -> None:
        """Signs in and keeps the tokens. Raises `ProblemError`, `invalid_credentials` among others."""
        body = Login(email=email, password=password)
        tokens = unwrap(login.sync_detailed(client=self.api, body=body))
        self._session.keep(Tokens(tokens.access_token, tokens.refresh_token))

    def logout(self) -> None:
        """Ends the session."""
        try:
            logout.sync_detailed(client=self.api)
        except ProblemError as error:
            if error.status != 401:
                raise
        self._session.keep(None)


def unwrap(response: Response[T]) -> T:
    """Returns the body of a successful response.

    The `sync` functions of the operations return the same as `T | None`.
    """
    if response.parsed is None:
        raise ValueError(f"the response has no body ({response.status_code})")
    return response.parsed


@overload
def items(
    operation: Callable[..., Response[UserList]], client: Client, **query: Any
) -> Iterator[User]: ...
@overload
def items(
    operation: Callable[..., Response[EventList]], client: Client, **query: Any
) -> Iterator[Event]: ...
@overload
def items(
    operation: Callable[..., Response[ServiceAccountList]], client: Client, **query: Any
) -> Iterator[ServiceAccount]: ...
@overload
def items(
    operation: Callable[..., Response[SessionList]], client: Client, **query: Any
) -> Iterator[UserSession]: ...
def items(operation: Callable[..., Response[Any]], client: Client, **query: Any) -> Iterator[Any]:
    """Yields the items of all pages of a list: `items(list_users.sync_detailed, roster.api, limit=100)`."""
    cursor: str | None = None
    while True:
        page = unwrap(operation(client=client, **query, **({"cursor": cursor} if cursor else {})))
        yield from page.items
        cursor = page.next_
        if cursor is None:
            return
