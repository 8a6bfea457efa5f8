"""Responses that several routes use."""

import orjson
from fastapi import Response

from peer.store import USER_COLUMNS

# Only the caller's own cache may keep a response, and must revalidate it each time.
PRIVATE = {"Cache-Control": "private, no-cache", "Vary": "Authorization"}
# All columns but the epoch of the sessions.
VISIBLE = tuple(name for name in USER_COLUMNS if name != "session_epoch")


def json_response(status, value, headers):
    content = orjson.dumps(value, option=orjson.OPT_UTC_Z)
    return Response(content, status, headers, "application/json")


def view(user):
    """A user as clients see it."""
    return {name: user[name] for name in VISIBLE}


def etag(user):
    return f'"v{user["version"]}"'


def user_response(status, user, headers=None):
    """The user with its entity tag."""
    return json_response(status, view(user), {**PRIVATE, "ETag": etag(user), **(headers or {})})
