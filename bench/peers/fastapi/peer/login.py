"""`POST /api/v1/auth/login`."""

import asyncio
import hashlib
import secrets
from typing import Annotated

from fastapi import APIRouter, Request
from pydantic import StringConstraints
from uuid_utils import uuid7

from peer import body, passwords, problem
from peer.admission import Anyone
from peer.answer import json_response
from peer.fingerprint import encode
from peer.tokens import LIFETIME_SECONDS

# Delay of rejections: a client that retries in a loop takes less time from others.
PAUSE_SECONDS = 0.5
# Attempts to count before giving up on a missing bucket.
TRIES = 4

router = APIRouter()


class Login(body.Body):
    """Request body."""

    email: body.Email
    password: Annotated[str, StringConstraints(max_length=1024)]


class RefreshToken:
    """256 random bits, of which only hashes are stored."""

    def __init__(self):
        self._secret = secrets.token_bytes(32)

    @property
    def text(self):
        return encode(self._secret)

    def hash(self):
        return hashlib.sha256(self.text.encode()).digest()

    def family(self):
        """The hash of the part that a token shares with its successors."""
        return hashlib.sha256(self._secret[:16]).digest()


@router.post("/api/v1/auth/login")
async def login(request: Request, client: Anyone):
    """Opens a session for a client with the right password."""
    services = request.app.state.services
    credentials = await body.read(request, Login)
    try:
        attempt = await verify(services, client, credentials)
    except problem.Problem as refusal:
        if refusal.code in ("busy", "too_many_attempts"):
            await asyncio.sleep(PAUSE_SECONDS)
        raise
    session_id, token = str(uuid7()), RefreshToken()
    opened = await services.store.open_session(attempt, session_id, token, client)
    if opened is None:
        raise problem.invalid_credentials()
    user, ended = opened
    for session in ended:
        await services.cache.end(session)
    services.cache.keep(user, session_id)
    tokens = {
        "access_token": services.tokens.sign(user["id"], session_id),
        "token_type": "Bearer",
        "expires_in": LIFETIME_SECONDS,
        "refresh_token": token.text,
    }
    return json_response(200, tokens, {})


async def verify(services, client, credentials):
    """Counts the attempt, then compares the password, both in a hashing slot; returns the attempt."""
    async with services.passwords.slot():
        attempt = await count(services, client, credentials.email)
        is_right = await passwords.verify(credentials.password, attempt["password_hash"])
    if not is_right:
        await services.store.audit_failure(attempt["id"], client)
        raise problem.invalid_credentials()
    return attempt


async def count(services, client, email):
    unknown_key = services.emails.fingerprint(email.encode())
    for _ in range(TRIES):
        row = await services.store.count_guess(email, unknown_key, services.settings, client)
        if row["counted"]:
            return row
        if not row["missing"]:
            raise problem.too_many_attempts(max(1, row["wait"] or 0))
    raise problem.internal()
