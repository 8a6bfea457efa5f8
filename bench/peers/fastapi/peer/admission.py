"""Authentication and rate limiting before the handlers, as dependencies."""

import uuid
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, Request

from peer import problem
from peer.cache import ENDED, alive
from peer.fingerprint import encode, network_of


@dataclass(slots=True)
class Client:
    """Origin of a request, and the user that its token names."""

    # Fingerprint of the client's network, and its text.
    network: bytes
    client: str
    request_id: str
    has_token: bool
    user: dict[str, Any] | None = None
    # The other user in the path, if cached.
    about: dict[str, Any] | None = None

    @property
    def is_admin(self):
        return self.user["role"] == "admin"

    def self_or_admin(self, user_id):
        """Requires that the caller may see and change the user. An invalid UUID names no user."""
        if parse_id(user_id) is None or not (self.is_admin or user_id == self.user["id"]):
            raise problem.not_found()


async def admit(request: Request) -> Client:
    """Reads session, caller and rate in one Redis round trip, and rejects requests over the limit."""
    services = request.app.state.services
    network = services.addresses.fingerprint(network_of(request.client.host))
    token = bearer(request.headers)
    client = Client(network, encode(network[:16]), request.scope["request_id"], token is not None)
    claims = services.tokens.verify(token) if token else None
    found = await services.cache.find(claims, other_user(request, claims), client.client)
    if found.rate is not None:
        request.scope["rate_headers"] = rate_headers(services.settings, found.rate)
        if not found.rate[0]:
            raise problem.rate_limited(max(1, seconds(found.rate[3])))
    client.about = found.about
    if claims is not None:
        client.user = await identify(services, found, *claims)
    return client


async def signed_in(client: Annotated[Client, Depends(admit)]) -> Client:
    """The caller, an active user with a live session."""
    if client.user is None:
        raise problem.unauthenticated(client.has_token)
    return client


async def admin(caller: Annotated[Client, Depends(signed_in)]) -> Client:
    """The caller, an admin."""
    if not caller.is_admin:
        raise problem.forbidden()
    return caller


Anyone = Annotated[Client, Depends(admit)]
Caller = Annotated[Client, Depends(signed_in)]
Admin = Annotated[Client, Depends(admin)]


async def identify(services, found, user_id, session_id):
    """The user of a token, from Redis if it has the entries, else from Postgres."""
    if found.session == ENDED:
        return None
    user = found.caller
    if user is None or found.session != alive(user):
        user, is_anothers = await services.store.find_caller(user_id, session_id)
        if user is not None:
            services.cache.keep(user, session_id)
        elif not is_anothers:
            services.cache.end_later(session_id)
    return user if user and user["is_active"] else None


def bearer(headers):
    """The token of the one Authorization header; empty if the header is malformed."""
    values = headers.getlist("authorization")
    if not values:
        return None
    scheme, _, token = values[0].partition(" ")
    return token if len(values) == 1 and scheme.lower() == "bearer" else ""


def other_user(request, claims):
    """The user that a GET is about, unless that is the caller."""
    if claims is None or request.method != "GET" or "user_id" not in request.path_params:
        return None
    user_id = parse_id(request.path_params["user_id"])
    return user_id if user_id != claims[0] else None


def parse_id(text):
    """A UUID in hyphenated form; `UUID` accepts others, too."""
    try:
        return str(uuid.UUID(text)) if len(text) == 36 else None
    except ValueError:
        return None


def seconds(millis):
    return -(-millis // 1000)


def rate_headers(settings, rate):
    allowed, remaining, reset, retry = rate
    requests, window = settings.rate_limit_requests, settings.rate_limit_window_seconds
    until = seconds(reset if allowed else retry)
    return [
        (b"ratelimit-policy", b'"default";q=%d;w=%d' % (requests, window)),
        (b"ratelimit", b'"default";r=%d;t=%d' % (remaining, until)),
    ]
