"""A service that accepts Roster's access tokens.

GET /orders verifies the token with Roster's public keys, without a call to Roster. POST /orders lets Roster check it, so
that a user who has signed out is refused at once.

    pip install fastapi httpx 'pyjwt[crypto]' uvicorn
    ROSTER_URL=https://api.example.com ROSTER_KEY=rsk_... uvicorn orders:app

ROSTER_KEY is the key of a service account with the scope tokens:introspect.
"""

import os
from typing import Annotated

import httpx
import jwt
from fastapi import Depends, FastAPI, HTTPException
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

ROSTER = os.environ["ROSTER_URL"].rstrip("/")
ISSUER, AUDIENCE = "roster", "roster-api"  # jwt_issuer, jwt_audience
keys = jwt.PyJWKClient(f"{ROSTER}/.well-known/jwks.json", lifespan=300, timeout=5)
introspection = httpx.AsyncClient(
    headers={"Authorization": f"Bearer {os.environ['ROSTER_KEY']}"}, timeout=5, trust_env=False
)
app = FastAPI()


def refused() -> HTTPException:
    return HTTPException(401, headers={"WWW-Authenticate": "Bearer"})


def token(
    credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(HTTPBearer(auto_error=False))],
) -> str:
    if credentials is None:
        raise refused()
    return credentials.credentials


def verified(token: Annotated[str, Depends(token)]) -> str:
    """Returns the id of the user whose session was alive when the token was issued, at most 15 minutes ago."""
    try:
        if jwt.get_unverified_header(token).get("typ") != "at+jwt":
            raise refused()
        claims = jwt.decode(
            token,
            keys.get_signing_key_from_jwt(token),
            algorithms=["EdDSA"],
            issuer=ISSUER,
            audience=AUDIENCE,
            leeway=60,
            options={"require": ["exp", "iat", "nbf", "sub", "sid"]},
        )
    except jwt.PyJWKClientConnectionError as error:
        raise HTTPException(503) from error
    except jwt.PyJWTError as error:
        raise refused() from error
    return claims["sub"]


async def introspected(token: Annotated[str, Depends(token)]) -> str:
    """Returns the id of the user, or of the service account, whose token is valid now."""
    try:
        response = await introspection.post(f"{ROSTER}/api/v1/auth/introspect", data={"token": token})
        state = response.raise_for_status().json()
    except httpx.HTTPError as error:
        raise HTTPException(503) from error
    if not state["active"]:
        raise refused()
    return state["sub"]


@app.get("/orders")
def list_orders(user: Annotated[str, Depends(verified)]) -> dict:
    return {"user": user}


@app.post("/orders")
async def create_order(user: Annotated[str, Depends(introspected)]) -> dict:
    return {"user": user}
