"""Access tokens: JWTs (RFC 9068) signed with HS256."""

import time
import uuid

import jwt

LIFETIME_SECONDS = 900
LEEWAY_SECONDS = 60
MAX_CHARACTERS = 4096
TYP = "at+jwt"
REQUIRED = ["iss", "aud", "exp", "nbf", "iat", "sub", "sid"]


class Tokens:
    """Signs and verifies access tokens."""

    def __init__(self, settings):
        self._secret = settings.jwt_secret
        self._issuer = settings.jwt_issuer
        self._audience = settings.jwt_audience

    def sign(self, user_id, session_id):
        """A token for the user in the session, valid from now."""
        now = int(time.time())
        claims = {
            "iss": self._issuer,
            "aud": self._audience,
            "sub": user_id,
            "sid": session_id,
            "iat": now,
            "nbf": now,
            "exp": now + LIFETIME_SECONDS,
        }
        return jwt.encode(claims, self._secret, "HS256", {"typ": TYP})

    def verify(self, token):
        """User and session of a valid token, else None."""
        if len(token) > MAX_CHARACTERS:
            return None
        try:
            decoded = jwt.decode_complete(
                token,
                self._secret,
                algorithms=["HS256"],
                issuer=self._issuer,
                audience=self._audience,
                leeway=LEEWAY_SECONDS,
                options={"require": REQUIRED},
            )
            claims = decoded["payload"]
            is_long = claims["exp"] - claims["iat"] > LIFETIME_SECONDS + LEEWAY_SECONDS
            if decoded["header"].get("typ") != TYP or is_long:
                return None
            return str(uuid.UUID(claims["sub"])), str(uuid.UUID(claims["sid"]))
        except (jwt.InvalidTokenError, ValueError, TypeError, AttributeError):
            return None
