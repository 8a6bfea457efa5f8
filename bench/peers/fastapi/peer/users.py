"""`/api/v1/users`."""

import re
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from peer import body, passwords, problem
from peer.admission import Admin, Caller
from peer.answer import PRIVATE, etag, json_response, user_response, view

PATH = "/api/v1/users"
DEFAULT_LIMIT = 20
MAX_LIMIT = 100
TAG = re.compile(r'(?:\*|(?:W/)?"[^"]*")')
VERSION = re.compile(r'"v(\d+)"')

router = APIRouter()


class CreateUser(body.Body):
    """Body of `POST`."""

    email: body.Email
    full_name: body.Name
    password: Annotated[str, StringConstraints(min_length=8, max_length=128)] | None = None


class PatchUser(body.Body):
    """Body of `PATCH`. Null would remove a member (RFC 7396), so only the default is None."""

    full_name: body.Name = None


class ListUsers(BaseModel):
    """Query parameters of the list."""

    model_config = ConfigDict(extra="forbid")

    limit: Annotated[int, Field(ge=1)] = DEFAULT_LIMIT
    cursor: str | None = None


@router.get(PATH)
async def list_users(request: Request, caller: Admin, query: Annotated[ListUsers, Query()]):
    """A page of users, newest first."""
    services = request.app.state.services
    limit, after = min(query.limit, MAX_LIMIT), None
    if query.cursor is not None:
        after = services.cursors.open(query.cursor)
        if after is None:
            raise problem.invalid([("#/cursor", "does not belong to this query")])
    users = await services.store.list_users(limit + 1, after)
    headers, cursor = PRIVATE, None
    if len(users) > limit:
        users = users[:limit]
        cursor = services.cursors.seal(users[-1]["created_at"], users[-1]["id"])
        link = f'<{PATH}?limit={limit}&cursor={cursor}>; rel="next"'
        headers = {**PRIVATE, "Link": link}
    page = {"items": [view(user) for user in users], "next": cursor}
    return json_response(200, page, headers)


@router.post(PATH)
async def create_user(request: Request, caller: Admin):
    """A new user, active and without privileges."""
    services = request.app.state.services
    new = await body.read(request, CreateUser)
    password_hash = None
    if new.password is not None:
        async with services.passwords.slot():
            password_hash = await passwords.hash_password(new.password)
    user = await services.store.create_user(new, password_hash, caller)
    return user_response(201, user, {"Location": f"{PATH}/{user['id']}"})


@router.get(PATH + "/{user_id}")
async def get_user(request: Request, user_id: str, caller: Caller):
    """One user: the caller, or any user for an admin."""
    services = request.app.state.services
    caller.self_or_admin(user_id)
    user = caller.user if user_id == caller.user["id"] else caller.about
    if user is None:
        user = await services.store.find_user(user_id)
        if user is None:
            raise problem.not_found()
        services.cache.keep(user)
    wanted = tags(request.headers.get("if-none-match"))
    tag = etag(user)
    # Weak comparison.
    if any(each == "*" or each.removeprefix("W/") == tag for each in wanted or ()):
        return Response(status_code=304, headers={**PRIVATE, "ETag": tag})
    return user_response(200, user)


@router.patch(PATH + "/{user_id}")
async def update_user(request: Request, user_id: str, caller: Caller):
    """Renames the caller, or any user for an admin."""
    services = request.app.state.services
    caller.self_or_admin(user_id)
    patch = await body.read(request, PatchUser, body.MERGE_PATCH)
    wanted, expected = tags(request.headers.get("if-match")), None
    if wanted is not None and "*" not in wanted:
        versions = (VERSION.fullmatch(tag) for tag in wanted)
        expected = [int(version[1]) for version in versions if version]
    store = services.store
    user, found = await store.update_user(user_id, patch.full_name, expected, caller)
    if user is None:
        raise problem.stale() if found else problem.not_found()
    # Before the response: its client must not read the old state.
    await services.cache.put(user)
    return user_response(200, user)


def tags(header):
    """The entity tags of a condition; None without a condition."""
    if header is None:
        return None
    found = [tag.strip() for tag in header.split(",")]
    if not all(TAG.fullmatch(tag) for tag in found):
        detail = "The condition is not a list of entity tags (RFC 9110, section 13.1)."
        raise problem.Problem(400, "malformed_header", detail)
    return found
